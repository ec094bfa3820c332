import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Drill } from "./shared/drill.js";
import { mountSmallDisk, type SmallDisk } from "./shared/small-disk.js";

/** Room for the database, the originals and Redis of a drill, with some to spare. */
const [shortMb, longMb] = [512, 1_536];

let disk: SmallDisk;

async function failsToAppend(url: string): Promise<boolean> {
  const redis = new Redis(url);
  try {
    return (await redis.info("persistence")).includes("aof_last_write_status:err");
  } finally {
    redis.disconnect();
  }
}

/**
 * Storage, database and Redis's append-only file are on one small disk, which is full for a while, twice, in the middle of everything;
 * whatever gets free meanwhile is taken as well. Then there is room again, and nobody is told.
 */
export const diskFull: Drill = {
  name: "disk-full",
  async prepare(context) {
    disk = mountSmallDisk(context, context.isShort ? shortMb : longMb);
    return disk;
  },
  async disturb({ corpus, client, redis, settled, restarts, isShort, figures }) {
    const all = corpus.shipments.flat(2).length;
    let [fullSeconds, accepted, aofErrors] = [0, 0, 0];
    for (const share of [0.3, 0.6]) {
      while (!settled.aborted && client.accepted() < all * share) await sleep(50);
      const before = client.accepted();
      const until = performance.now() + (isShort ? 15_000 : 60_000);
      while (performance.now() < until) {
        disk.fill();
        await sleep(100);
      }
      if (await failsToAppend(redis.url)) aofErrors += 1;
      fullSeconds += isShort ? 15 : 60;
      accepted += client.accepted() - before;
      disk.free();
    }
    figures.fullSeconds = fullSeconds;
    figures.acceptedWhileFull = accepted;
    figures.timesRedisCouldNotAppend = aofErrors;
    figures.refusals = client.refusals;
    figures.restarts = await restarts();
    figures.megabytesLeft = Math.round(disk.left() / (1 << 20));
  },
  check({ client }) {
    const named = Object.keys(client.refusals);
    return [
      ...(named.some((name) => /^50[37] /.test(name)) ? [] : ["nothing was refused: the disk was never full"]),
      ...named
        .filter((name) => name.startsWith("500 ") || name.includes("without"))
        .map((name) => `refused with ${name}`),
    ];
  },
};
