import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { payloadVersion, type QueueName, queueNames } from "@sluice/contracts";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { Drill, Scene } from "./shared/drill.js";
import { signalGroup } from "./shared/ground.js";
import { buildOldVersion, type OldVersion } from "./shared/old-version.js";

/** In the order of a rollout: who reads what others write comes first. */
const names = [
  "supervisor",
  "embedder.1",
  "chunker.1",
  "parser.1",
  "recogniser",
  "embedder.2",
  "chunker.2",
  "parser.2",
  "gateway",
];
const prefix = "drill";

let old: OldVersion;
const isOld = new Set<string>();
const starts = { old: 0, new: 0 };

/** Ends a service the way a rollout does; what is started in its place is what `isOld` says. */
async function replace({ pids }: Scene, name: string): Promise<void> {
  const before = (await pids())[name];
  if (before === undefined) return;
  signalGroup(before, "SIGTERM");
  for (let i = 0; i < 600; i++) {
    const now = (await pids())[name];
    if (now !== undefined && now !== before) return;
    await sleep(100);
  }
  throw new Error(`${name} did not come back`);
}

/** A job of a version that nobody knows yet, in each queue: whoever takes it puts it back for those who will. */
async function fromTheFuture({ redis, organizationId }: Scene): Promise<() => Promise<QueueName[]>> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  connection.on("error", () => {});
  const queues = queueNames.map((name) => new Queue(name, { connection, prefix: `{${prefix}-${name}}` }));
  const data = { v: payloadVersion + 1, organizationId, ingestionId: randomUUID(), generation: 1, wish: "unknown" };
  for (const queue of queues)
    await queue.add("run", data, { jobId: "newer", removeOnComplete: true, removeOnFail: true });
  return async () => {
    const kept = await Promise.all(
      queues.map(async (queue) => ((await queue.getJob("newer"))?.data.v === data.v ? [queue.name] : [])),
    );
    await Promise.all(queues.map((queue) => queue.close()));
    connection.disconnect();
    return kept.flat() as QueueName[];
  };
}

/**
 * The services of an earlier version, on the schema of this one, are replaced one by one by this one's while documents come in; the two
 * work side by side in between. Then the way back, as after a bad release, and once more forward.
 */
export const rolling: Drill = {
  name: "rolling",
  env: { QUEUE_PREFIX: prefix },
  async prepare({ folder, from }) {
    old = buildOldVersion(folder, from);
    for (const name of names) isOld.add(name);
    return {
      override(name) {
        starts[isOld.has(name) ? "old" : "new"] += 1;
        return isOld.has(name) ? { root: old.root } : {};
      },
    };
  },
  async disturb(scene) {
    const { client, corpus, settled, figures } = scene;
    const all = corpus.shipments.flat(2).length;
    const handedBack = await fromTheFuture(scene);
    figures.old = old.commit;
    figures.filesChanged = old.filesChanged;
    const steps = [
      ...names.map((name) => ({ name, toOld: false })),
      ...[...names].reverse().map((name) => ({ name, toOld: true })),
      ...names.map((name) => ({ name, toOld: false })),
    ];
    let underLoad = 0;
    for (const [i, { name, toOld }] of steps.entries()) {
      while (!settled.aborted && client.accepted() < (all * i) / steps.length) await sleep(50);
      if (!settled.aborted) underLoad += 1;
      if (toOld) isOld.add(name);
      else isOld.delete(name);
      await replace(scene, name);
    }
    figures.starts = starts;
    figures.replaced = steps.length;
    figures.replacedUnderLoad = underLoad;
    figures.handedBack = await handedBack();
  },
  check({ figures }) {
    const kept = figures.handedBack as QueueName[];
    return queueNames.filter((name) => !kept.includes(name)).map((name) => `${name}: a job of a newer version is gone`);
  },
};
