import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";

/** SIGKILL to Redis in the middle of everything; it is back after twenty seconds, with what its append-only file holds. */
export const redisKill: Drill = {
  name: "redis-kill",
  async disturb({ redis, corpus, client, pause, settled, figures }) {
    const all = corpus.shipments.flat(2).length;
    while (!settled.aborted && client.accepted() < all * 0.3) await sleep(50);
    const before = client.accepted();
    await redis.crash();
    await pause(20_000);
    figures.acceptedWithoutRedis = client.accepted() - before;
    await redis.start();
  },
};
