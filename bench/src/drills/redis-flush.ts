import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";
import { flushRedis } from "./shared/redis.js";

/** FLUSHALL three times: when a first part is accepted, half way, and when all is accepted. */
export const redisFlush: Drill = {
  name: "redis-flush",
  async disturb({ redis, corpus, client, progress, settled, figures }) {
    const all = corpus.shipments.flat(2).length;
    const inFlight: number[] = [];
    figures.inFlightWhenFlushed = inFlight;
    for (const share of [0.3, 0.6, 0.95]) {
      while (!settled.aborted && client.accepted() < all * share) await sleep(50);
      inFlight.push((await progress()).inFlight);
      await flushRedis(redis.url);
    }
  },
};
