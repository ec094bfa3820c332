import {
  type JobPayload,
  jobId,
  payloadVersion,
  type QueuedJob,
  type QueueName,
  queueNames,
  readJobId,
} from "@sluice/contracts";
import { errorFields, type Logger, type Metrics } from "@sluice/runtime";
import { Queue } from "bullmq";
import { Cluster } from "ioredis";
import { type Connection, connect, disconnect, keyPrefix, type RedisConfig, within as withinMs } from "./connection.js";

export interface QueueOptions {
  redis: RedisConfig;
  prefix: string;
  logger: Logger;
  metrics: Metrics;
}

type JobRef = Pick<JobPayload, "ingestionId" | "generation"> & { queue: QueueName | null };
export type WaitingJob = Pick<JobPayload, "ingestionId" | "generation"> & { queue: QueueName };
export type QueueDepth = Record<"waiting" | "delayed" | "active", number>;

export interface Producer {
  /** Tells Redis what to look at. Answers how many it took: what it did not take is queued again from Postgres. Never throws. */
  enqueue(jobs: QueuedJob[]): Promise<number>;
  /** Takes jobs out that are not being worked on. Best effort, never throws: a job for something gone is dropped anyway. */
  remove(jobs: JobRef[]): Promise<void>;
  /** Jobs that wait in a queue, from a place on, at most `count`. Throws when Redis can't be asked. */
  list(queue: QueueName, from: number, count: number): Promise<WaitingJob[]>;
  /** Throws away what is kept of finished jobs, should anything be. Throws when Redis can't be asked. */
  clean(queue: QueueName): Promise<number>;
  /**
   * Which of the jobs Redis has, and will give out soon: one that was put off until long from now, or was due long ago, counts as not
   * there. Throws when Redis can't be asked.
   */
  has(jobs: JobRef[]): Promise<boolean[]>;
  depths(): Promise<Record<QueueName, QueueDepth>>;
  /** What Redis uses of what it may use, from 0 to 1; of a cluster the fullest master's. Throws when Redis can't be asked. */
  memoryRatio(): Promise<number>;
  /** Tells whoever reads events that there may be new ones. */
  nudge(): void;
  onNudge(listener: () => void): () => void;
  ready(): Promise<boolean>;
  destroy(): Promise<void>;
}

const patienceMs = 1_000;
const nudgeMs = 10;
/** Jobs are put off by less, on the clock of whoever does it: what is further off Redis's time was put off by a clock that is wrong. */
const longestDelayMs = 120_000;
/** BullMQ keeps a counter in the last bits of the time until which a job is put off. */
const delayedFactor = 0x1000;
/** Finished jobs thrown away in one turn, at most. */
const cleaned = 1_000;

/** Without a limit of its own, Redis has the machine's memory. */
function memoryRatioOf(info: string): number {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  return field("used_memory") / (field("maxmemory") || field("total_system_memory") || Number.POSITIVE_INFINITY);
}

/** The writing side of the queues: a hint to Redis about what Postgres already knows. */
export function createProducer({ redis: config, prefix, logger, metrics }: QueueOptions): Producer {
  const redis = connect(config, "impatient");
  const within = <T>(promise: Promise<T>) => withinMs(promise, patienceMs);
  const channel = `${prefix}:events`;
  const queues = new Map<QueueName, Queue>();
  const queue = (name: QueueName): Queue => {
    let made = queues.get(name);
    if (made === undefined) {
      made = new Queue(name, { connection: redis, prefix: keyPrefix(prefix, name), skipVersionCheck: true });
      made.on("error", () => {});
      queues.set(name, made);
    }
    return made;
  };
  const listeners = new Set<() => void>();
  let nudging: NodeJS.Timeout | undefined;
  let subscriber: Connection | undefined;
  const up = () => redis.status === "ready";

  async function addBulk(name: QueueName, jobs: QueuedJob[]): Promise<number> {
    try {
      if (!up()) throw Object.assign(new Error("redis is not connected"), { code: "ENOTCONNECTED" });
      await within(
        queue(name).addBulk(
          jobs.map(({ organizationId, ingestionId, generation, rank }) => ({
            name: "run",
            data: { v: payloadVersion, organizationId, ingestionId, generation } satisfies JobPayload,
            // Nothing is kept of a finished job: a retained one with the same id would make the next add a silent no-op.
            opts: {
              jobId: jobId(name, { ingestionId, generation }),
              priority: Math.min(rank + 1, 2_097_151),
              removeOnComplete: true,
              removeOnFail: true,
            },
          })),
        ),
      );
      return jobs.length;
    } catch (error) {
      metrics.enqueueFailures.inc({ queue: name }, jobs.length);
      logger.warn("queue.enqueue_failed", { queue: name, count: jobs.length, ...errorFields(error) });
      return 0;
    }
  }

  return {
    async enqueue(jobs) {
      let taken = 0;
      for (const name of queueNames) {
        const own = jobs.filter((job) => job.queue === name);
        if (own.length > 0) taken += await addBulk(name, own);
      }
      return taken;
    },
    async remove(jobs) {
      if (!up()) return;
      const removals = jobs.map(({ queue: name, ...job }) =>
        name === null
          ? undefined
          : queue(name)
              .remove(jobId(name, job))
              .catch(() => {}),
      );
      await within(Promise.all(removals)).catch(() => {});
    },
    async list(name, from, count) {
      const ids = await within(queue(name).getRanges(["prioritized", "delayed"], from, from + count - 1, true));
      return ids.flatMap((id) => readJobId(name, id) ?? []);
    },
    async clean(name) {
      const gone = await within(
        Promise.all([queue(name).clean(0, cleaned, "failed"), queue(name).clean(0, cleaned, "completed")]),
      );
      return gone.flat().length;
    },
    async has(jobs) {
      const answers: boolean[] = [];
      const [seconds] = await within(redis.time());
      // One pipeline a queue: in a cluster each is on a node of its own.
      for (const name of queueNames) {
        const own = [...jobs.entries()].filter(([, job]) => job.queue === name);
        if (own.length === 0) continue;
        const pipeline = redis.pipeline();
        const queueKey = `${keyPrefix(prefix, name)}:${name}`;
        for (const [, job] of own) {
          const id = jobId(name, job);
          pipeline.exists(`${queueKey}:${id}`).zscore(`${queueKey}:delayed`, id);
        }
        const found = (await within(pipeline.exec())) ?? [];
        for (const [i, [place]] of own.entries()) {
          const [[error, count], [, score]] = [
            found[2 * i] ?? [new Error("no answer"), 0],
            found[2 * i + 1] ?? [null, null],
          ];
          if (error !== null) throw error;
          const offMs = score === null ? 0 : Number(score) / delayedFactor - Number(seconds) * 1_000;
          answers[place] = count === 1 && Math.abs(offMs) < longestDelayMs;
        }
      }
      return jobs.map((_, i) => answers[i] ?? false);
    },
    async depths() {
      const entries = await Promise.all(
        queueNames.map(async (name): Promise<[QueueName, QueueDepth]> => {
          const counts = await within(queue(name).getJobCounts("wait", "prioritized", "delayed", "active"));
          const { wait = 0, prioritized = 0, delayed = 0, active = 0 } = counts;
          return [name, { waiting: wait + prioritized, delayed, active }];
        }),
      );
      return Object.fromEntries(entries) as Record<QueueName, QueueDepth>;
    },
    async memoryRatio() {
      const nodes = redis instanceof Cluster ? redis.nodes("master") : [redis];
      const infos = await within(Promise.all(nodes.map((node) => node.info("memory"))));
      return Math.max(...infos.map(memoryRatioOf));
    },
    nudge() {
      // One word says it for all that happens in a moment.
      nudging ??= setTimeout(() => {
        nudging = undefined;
        if (up()) redis.publish(channel, "").catch(() => {});
      }, nudgeMs);
    },
    onNudge(listener) {
      listeners.add(listener);
      if (subscriber === undefined) {
        subscriber = connect(config, "patient");
        subscriber.on("message", () => {
          for (const each of listeners) each();
        });
        // Subscriptions are taken up again by themselves after a reconnection.
        subscriber.subscribe(channel).catch(() => {});
      }
      return () => listeners.delete(listener);
    },
    ready: () =>
      up()
        ? within(redis.ping()).then(
            () => true,
            () => false,
          )
        : Promise.resolve(false),
    async destroy() {
      listeners.clear();
      clearTimeout(nudging);
      await Promise.race([
        Promise.all([...queues.values()].map((each) => each.close().catch(() => {}))),
        new Promise((resolve) => setTimeout(resolve, patienceMs).unref()),
      ]);
      await Promise.all([disconnect(redis), ...(subscriber === undefined ? [] : [disconnect(subscriber)])]);
    },
  };
}
