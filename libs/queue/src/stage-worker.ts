import { setTimeout as sleep } from "node:timers/promises";
import {
  type Breaker,
  backoffMs,
  describeCode,
  heartbeatOrganization,
  JobPayload,
  jobCatalog,
  payloadVersion,
  type QueuedJob,
  type QueueName,
  SluiceError,
  toSluiceError,
} from "@sluice/contracts";
import { errorFields, type LogFields } from "@sluice/runtime";
import { DelayedError, type Job, Worker } from "bullmq";
import { coalesce } from "./coalesce.js";
import { connect, disconnect, keyPrefix } from "./connection.js";
import { createLeaseKeeper } from "./lease-keeper.js";
import type { Producer, QueueOptions } from "./producer.js";
import { createRoom } from "./room.js";

/** The work as the database holds it: enough to name it in every write. */
export interface HeldWork {
  organizationId: string;
  ingestionId: string;
  generation: number;
}
export interface StartedWork extends HeldWork {
  outcome: "started";
  attempt: number;
  queuedMs: number;
  workload: "interactive" | "backfill";
}

type Begun<T> =
  | T
  | { outcome: "busy"; retryAfterMs: number }
  | { outcome: "stale" | "gone" | "paused" | "cancelled" | "dead" | "suspect" };

/** How work is taken up. A suspect, on which a worker has died, is given only to who runs it alone. */
export interface BeginOptions {
  leaseMs: number;
  maxDeaths: number;
  alone: boolean;
  /** Of the stage's code. */
  version: string;
  /** The embedding model, for the stage that has one. */
  model?: string;
}

/** What work that is given back waits for. */
export interface Waiting {
  code: string;
  breaker?: Breaker;
}

/** The part of the store that the harness needs. Postgres holds leases, attempts and backoff; BullMQ only delivers. */
export interface WorkLedger<T extends StartedWork> {
  begin(queue: QueueName, jobs: HeldWork[], worker: string, options: BeginOptions): Promise<Begun<T>[]>;
  renew(jobs: HeldWork[], worker: string, leaseMs: number): Promise<string[]>;
  fail(
    work: HeldWork,
    worker: string,
    failure: { code: string; maxAttempts: number; delayMs: number; durationMs: number },
  ): Promise<string>;
  handBack(jobs: HeldWork[], worker: string, delayMs: number, waiting?: Waiting): Promise<number>;
}

/** How a handler's work ended: sealed (with the next stage's job), moved to another queue of the stage, or overtaken by a newer generation. */
export interface HandlerResult {
  outcome: "sealed" | "moved" | "stale" | "incomplete" | "model_inactive";
  job?: QueuedJob;
}

export interface StageWorker {
  start(): void;
  /** Takes no new work, lets the work under way finish for the grace period, then aborts it and hands it back. Idempotent. */
  destroy(): Promise<void>;
  ready(): Promise<boolean>;
  /** False when work has been waiting for a minute and none of it was taken. */
  live(): boolean;
}

export interface StageWorkerOptions<T extends StartedWork> extends QueueOptions {
  queue: QueueName;
  worker: string;
  concurrency: number;
  graceMs: number;
  leaseMs: number;
  maxDeaths: number;
  version: string;
  model?: string;
  work: WorkLedger<T>;
  producer: Producer;
  /** Does the stage's work and seals it. Must stop soon after `signal` aborts; what it wrote by then is invisible. */
  handler: (task: T, signal: AbortSignal) => Promise<HandlerResult>;
}

/** However long somebody else asks us to wait: what is asked may be nonsense, and outages end earlier than announced. */
const longestWaitMs = 600_000;

/** How long a suspect waits for the work beside it to end, before it makes room for newcomers and is tried again later. */
const alonePatienceMs = 15_000;

/** Why a handler was aborted. */
type Abort = "timeout" | "lost" | "stopping";

/**
 * One stage's consumer, the place where leases, timeouts, metrics, logs and the classification of failures are.
 *
 *   taken ─begin─▶ started ─handler─▶ sealed ─▶ next stage's job
 *     │              ├─ moved        to another queue of the same stage, by way of the backlog
 *     │              ├─ failed       attempts and backoff are counted in Postgres; the dispatcher brings it back
 *     │              ├─ outage       handed back with a delay, costs no attempt
 *     │              ├─ stopping     handed back at once
 *     │              └─ lost         the lease went to somebody else: nothing to do
 *     ├─ busy         somebody holds the lease: looked at again later
 *     ├─ suspect      a worker died on it: taken again when nothing else runs here
 *     └─ stale, gone, paused, cancelled, dead: the job is dropped
 */
export function createStageWorker<T extends StartedWork>(options: StageWorkerOptions<T>): StageWorker {
  const { queue, worker, logger, metrics, work, producer } = options;
  const { stage, attempts, timeoutMs } = jobCatalog[queue];
  const redis = connect(options.redis, "patient");
  const running = new Map<string, { work: HeldWork; abort: AbortController }>();
  const leases = createLeaseKeeper({
    worker,
    leaseMs: options.leaseMs,
    ledger: work,
    logger,
    running: () => [...running.values()].map((each) => each.work),
    lost: (id) => running.get(id)?.abort.abort("lost" satisfies Abort),
  });
  const room = createRoom();
  const beginOptions = (alone: boolean): BeginOptions => {
    const { leaseMs, maxDeaths, version, model } = options;
    return { leaseMs, maxDeaths, version, model, alone };
  };
  // Jobs that are taken up together begin with one call.
  const begin = coalesce((jobs: HeldWork[]) => work.begin(queue, jobs, worker, beginOptions(false)), {
    most: 16,
    atOnce: 2,
  });
  metrics.workerSlots.set({ queue }, options.concurrency);
  metrics.workerSlotsBusy.set({ queue }, 0);
  metrics.enqueueFailures.inc({ queue }, 0);
  for (const outcome of ["sealed", "retrying", "dead"]) metrics.jobs.inc({ stage, queue, outcome }, 0);
  let lastTaken = performance.now();
  let probe: NodeJS.Timeout | undefined;
  let stuck = false;
  let destroying: Promise<void> | undefined;

  const later = async (job: Job, token: string | undefined, delayMs: number): Promise<never> => {
    await job.moveToDelayed(Date.now() + Math.max(100, delayMs), token);
    throw new DelayedError();
  };

  async function process(job: Job, token?: string): Promise<void> {
    lastTaken = performance.now();
    const version: unknown = (job.data as { v?: unknown } | undefined)?.v;
    if (typeof version === "number" && version > payloadVersion) return later(job, token, 5_000);
    const parsed = JobPayload.safeParse(job.data);
    if (!parsed.success) {
      // Its ingestion is found stranded and gets a job that is well formed.
      logger.warn("job.malformed", { queue });
      return;
    }
    const ids: LogFields = {
      queue,
      stage,
      organizationId: parsed.data.organizationId,
      ingestionId: parsed.data.ingestionId,
      generation: parsed.data.generation,
    };
    let leave = await room.enter();
    try {
      let begun: Begun<T> | undefined;
      try {
        begun = await begin(parsed.data);
        if (begun.outcome === "suspect") {
          leave();
          const leaveAlone = await room.enterAlone(alonePatienceMs);
          if (leaveAlone !== undefined) {
            leave = leaveAlone;
            [begun] = await work.begin(queue, [parsed.data], worker, beginOptions(true));
          }
        }
      } catch (error) {
        logger.warn("job.begin_failed", { ...ids, ...errorFields(error) });
        return await later(job, token, 2_000);
      }
      if (begun?.outcome === "suspect") return await later(job, token, 5_000);
      if (begun?.outcome === "busy") return await later(job, token, (begun as { retryAfterMs: number }).retryAfterMs);
      if (begun?.outcome !== "started") {
        const outcome = begun?.outcome ?? "gone";
        metrics.jobs.inc({ stage, queue, outcome });
        logger.debug("job.dropped", { ...ids, outcome });
        return;
      }
      const next = await run(begun as T, ids);
      if (next !== undefined) await producer.enqueue([{ ...next, rank: Math.max(0, (job.opts.priority ?? 1) - 1) }]);
      producer.nudge();
    } finally {
      leave();
    }
  }

  /** Runs the handler under lease and timeout, and tells the database how it ended. Never throws: it is all in Postgres. */
  async function run(task: T, ids: LogFields): Promise<QueuedJob | undefined> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort("timeout" satisfies Abort), timeoutMs);
    const began = performance.now();
    const fields = (): LogFields => ({
      ...ids,
      generation: task.generation,
      attempt: task.attempt,
      durationMs: Math.round(performance.now() - began),
    });
    running.set(task.ingestionId, { work: task, abort });
    if (destroying !== undefined) abort.abort("stopping" satisfies Abort);
    const { workload } = task;
    const isSomebodys = task.organizationId !== heartbeatOrganization;
    if (isSomebodys) metrics.queueWait.observe({ stage, queue, workload }, task.queuedMs / 1_000);
    metrics.workerSlotsBusy.set({ queue }, running.size);
    try {
      const result = await options.handler(task, abort.signal);
      if (result.outcome === "incomplete")
        throw new SluiceError("internal_error", {
          cause: Object.assign(new Error("parts are missing"), { code: "INCOMPLETE" }),
        });
      if (result.outcome === "model_inactive") throw new SluiceError("embedding_model_inactive");
      metrics.jobs.inc({ stage, queue, outcome: result.outcome });
      logger.info("job.done", { ...fields(), outcome: result.outcome });
      return result.job;
    } catch (error) {
      const aborted = abort.signal.aborted ? (abort.signal.reason as Abort) : undefined;
      await insist(() => settle(task, aborted, error, fields()), fields);
      return undefined;
    } finally {
      clearTimeout(timer);
      running.delete(task.ingestionId);
      metrics.workerSlotsBusy.set({ queue }, running.size);
      const seconds = (performance.now() - began) / 1_000;
      if (isSomebodys) metrics.jobDuration.observe({ stage, queue, workload }, seconds);
    }
  }

  /**
   * Tells the database how work ended, again and again while it is out: the lease is kept meanwhile, so that its outage is not taken
   * for this worker's death. A worker that is stopping gives up; then the lease runs out, and the supervisor queues it again.
   */
  async function insist(tell: () => Promise<void>, fields: () => LogFields): Promise<void> {
    for (;;) {
      try {
        return await tell();
      } catch (failure) {
        if (toSluiceError(failure).kind === "outage" && destroying === undefined) {
          await sleep(1_000);
          continue;
        }
        logger.warn("job.unsettled", { ...fields(), ...errorFields(failure) });
        metrics.jobs.inc({ stage, queue, outcome: "unsettled" });
        return;
      }
    }
  }

  async function settle(task: T, aborted: Abort | undefined, error: unknown, fields: LogFields): Promise<void> {
    if (aborted === "lost") {
      metrics.jobs.inc({ stage, queue, outcome: "lost" });
      logger.warn("job.lost", fields);
      return;
    }
    if (aborted === "stopping") {
      await work.handBack([task], worker, 0);
      metrics.jobs.inc({ stage, queue, outcome: "handed_back" });
      logger.info("job.handed_back", fields);
      return;
    }
    const failure = aborted === "timeout" ? new SluiceError("limit_time", { cause: error }) : toSluiceError(error);
    if (failure.kind === "outage") {
      const delayMs = Math.min(longestWaitMs, failure.retryAfterMs ?? 2_000 + Math.random() * 8_000);
      const { breaker } = describeCode(failure.code);
      const isPlain = breaker?.isPlain ?? (failure.retryAfterMs === undefined ? undefined : true);
      await work.handBack([task], worker, delayMs, {
        code: failure.code,
        breaker: breaker && { ...breaker, isPlain },
      });
      metrics.jobs.inc({ stage, queue, outcome: "waiting" });
      logger.warn("job.waiting", {
        ...fields,
        code: failure.code,
        delayMs: Math.round(delayMs),
        ...errorFields(failure),
      });
      return;
    }
    const maxAttempts = failure.kind === "permanent" ? 1 : (describeCode(failure.code).attempts ?? attempts);
    const outcome = await work.fail(task, worker, {
      code: failure.code,
      maxAttempts,
      delayMs: backoffMs(queue, task.attempt),
      durationMs: fields.durationMs ?? 0,
    });
    metrics.jobs.inc({ stage, queue, outcome });
    const line = {
      ...fields,
      code: failure.code,
      outcome,
      ...(failure.kind === "permanent" ? {} : errorFields(failure)),
    };
    if (outcome === "dead" && failure.kind !== "permanent") logger.error("job.failed", line);
    else logger.warn("job.failed", line);
  }

  const consumer = new Worker(queue, process, {
    connection: redis,
    prefix: keyPrefix(options.prefix, queue),
    concurrency: options.concurrency,
    autorun: false,
    lockDuration: 30_000,
    stalledInterval: 15_000,
    // Who died working on what is counted in Postgres; here a stalled job is only delivered again.
    maxStalledCount: 1_000_000,
    skipVersionCheck: true,
  });
  // A job that Redis forgot meanwhile can't be completed there: its effect is in Postgres, so this is no failure.
  consumer.on("error", (error) => logger.debug("queue.error", { queue, ...errorFields(error) }));
  consumer.on("failed", (_job, error) => logger.debug("queue.job_failed", { queue, ...errorFields(error) }));

  async function look(): Promise<void> {
    const depth = (await producer.depths())[queue];
    const idle = running.size === 0 && performance.now() - lastTaken > 60_000;
    stuck = depth.waiting > 0 && idle;
  }

  return {
    start() {
      leases.start();
      consumer.run().catch((error) => logger.error("queue.stopped", { queue, ...errorFields(error) }));
      probe = setInterval(() => look().catch(() => {}), 15_000);
      probe.unref();
    },
    destroy() {
      destroying ??= (async () => {
        clearInterval(probe);
        const timer = setTimeout(() => {
          for (const { abort } of running.values()) abort.abort("stopping" satisfies Abort);
        }, options.graceMs);
        const patience = new Promise((resolve) => setTimeout(resolve, options.graceMs + 4_000).unref());
        await Promise.race([consumer.close().catch(() => {}), patience]);
        clearTimeout(timer);
        await leases.destroy();
        await disconnect(redis);
      })();
      return destroying;
    },
    ready: async () => redis.status === "ready",
    live: () => !stuck,
  };
}
