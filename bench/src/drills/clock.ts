import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";
import { signalGroup } from "./shared/ground.js";
import { type SkewedClocks, skewClocks } from "./shared/skewed-clocks.js";

const [hour, day] = [3_600, 86_400];

/** One of each kind of worker is ahead and the other one behind; nobody's clock is right. */
const skews: Record<string, number> = {
  supervisor: -2 * hour,
  gateway: 2 * hour,
  "parser.1": 3 * day,
  "parser.2": -2 * hour,
  recogniser: -3 * day,
  "chunker.1": 2 * hour,
  "chunker.2": -3 * day,
  "embedder.1": 3 * day,
  "embedder.2": -2 * hour,
};

let clocks: SkewedClocks;

/**
 * Every service has a clock that is hours or days off; some jump while they run, and workers die with what they had put off. The database
 * is taken away for a moment as well, so that there is something to put off.
 */
export const clock: Drill = {
  name: "clock",
  // Every death here is the drill's doing.
  env: { WORKER_MAX_DEATHS: "50" },
  async prepare(context) {
    clocks = await skewClocks(context, skews);
    return clocks;
  },
  async disturb({ corpus, client, proxy, pids, random, pause, settled, isShort, figures }) {
    const all = corpus.shipments.flat(2).length;
    let [jumps, kills] = [0, 0];
    const names = Object.keys(skews);
    const jump = async () => {
      const name = names[Math.floor(random() * names.length)] as string;
      await clocks.set(name, Math.round((random() * 2 - 1) * 3 * day));
      jumps += 1;
    };
    for (const share of [0.2, 0.5, 0.8]) {
      while (!settled.aborted && client.accepted() < all * share) {
        await pause(500);
        await jump();
      }
      await proxy.down();
      await sleep(isShort ? 3_000 : 10_000);
      await proxy.up();
      // What they put off by their own clocks is now for others to take.
      for (const [name, pid] of Object.entries(await pids())) {
        if (!name.endsWith(".1")) continue;
        signalGroup(pid, "SIGKILL");
        kills += 1;
      }
    }
    for (let i = 0; i < (isShort ? 20 : 120) && !settled.aborted; i++) {
      await pause(1_000);
      await jump();
    }
    figures.jumps = jumps;
    figures.kills = kills;
  },
};
