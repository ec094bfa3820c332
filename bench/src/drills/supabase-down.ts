import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";
import type { Fate } from "./shared/proxy.js";

/** Some of a hundred requests each: most pass, or nothing would ever be half done. */
const fates: [Fate, number][] = [
  ["error", 6],
  ["errorAfter", 6],
  ["cut", 6],
  ["cutAfter", 6],
  ["truncate", 4],
  ["hang", 2],
];

/** The database is killed and can't be reached for a while; then requests to it fail at random, before and after they took effect. */
export const supabaseDown: Drill = {
  name: "supabase-down",
  async disturb({ supabase, proxy, corpus, client, random, pause, settled, isShort, figures }) {
    const all = corpus.shipments.flat(2).length;
    while (!settled.aborted && client.accepted() < all * 0.2) await sleep(50);
    const ms = isShort ? 15_000 : 60_000;
    await proxy.down();
    await supabase.restart();
    // Nothing settles without a database.
    await sleep(ms);
    await proxy.up();
    proxy.behave(() => {
      let left = random() * 100;
      for (const [fate, share] of fates) {
        left -= share;
        if (left < 0) return fate;
      }
      return "pass";
    });
    await pause(ms);
    proxy.behave(null);
    figures.requests = proxy.fates;
  },
};
