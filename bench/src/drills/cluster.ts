import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";

/** On a Redis Cluster of three masters, each with a replica, the master that holds most dies for good in the middle of everything. */
export const cluster: Drill = {
  name: "cluster",
  cluster: true,
  async disturb({ cluster: redis, corpus, client, settled, figures }) {
    const all = corpus.shipments.flat(2).length;
    while (!settled.aborted && client.accepted() < all * 0.3) await sleep(50);
    if (redis === null) throw new Error("There is no cluster.");
    figures.failoverSeconds = await redis.killMaster();
  },
};
