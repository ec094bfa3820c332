import type { Drill } from "./shared/drill.js";
import { signalGroup } from "./shared/ground.js";

/** SIGKILL to a random service every second or so, gateway and supervisor included, until nearly everything is done. */
export const killWorkers: Drill = {
  name: "kill-workers",
  // Every death here is the drill's doing. How documents that do kill workers are found out is `poison`.
  env: { WORKER_MAX_DEATHS: "50" },
  async disturb({ pids, random, progress, pause, settled, isShort, figures }) {
    const kills: Record<string, number> = {};
    figures.kills = kills;
    const until = performance.now() + (isShort ? 25_000 : 600_000);
    while (!settled.aborted && performance.now() < until) {
      await pause(500 + random() * 1_500);
      const { accepted, inFlight } = await progress().catch(() => ({ accepted: 0, inFlight: 1 }));
      if (accepted > 0 && inFlight === 0) continue;
      const running = Object.entries(await pids());
      const [name, pid] = running[Math.floor(random() * running.length)] ?? [];
      if (name === undefined || pid === undefined) continue;
      signalGroup(pid, "SIGKILL");
      kills[name] = (kills[name] ?? 0) + 1;
    }
  },
};
