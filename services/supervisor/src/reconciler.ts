import type { Producer } from "@sluice/queue";
import type { Logger, Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const step = 500;

/**
 * Queues again what is in flight in Postgres and nowhere else: the job was lost with Redis, or never reached it, or its worker
 * died. One step a turn; true when there are more.
 */
export function createReconciler(deps: {
  supervision: Store["supervision"];
  producer: Producer;
  metrics: Metrics;
  logger: Logger;
  graceMs: number;
  /** A worker's lease. */
  leaseMs: number;
  maxDeaths: number;
}) {
  const { supervision, producer } = deps;
  /** Until when expired leases mean nothing: workers could not renew while the database was out, and are given time to. */
  let doubtUntil = 0;
  return async (): Promise<boolean> => {
    const { jobs: found, more } = await supervision.nextStranded(deps.graceMs, step).catch((error: unknown) => {
      doubtUntil = performance.now() + deps.leaseMs;
      throw error;
    });
    if (found.length > 0) {
      const queued = await producer.has(found);
      const doubt = performance.now() < doubtUntil;
      const lost = found.filter((each, i) => (each.expired ? !doubt : queued[i] === false));
      if (lost.length > 0) {
        const jobs = await supervision.requeue(lost, deps.maxDeaths);
        await producer.enqueue(jobs);
        for (const job of jobs) deps.metrics.requeued.inc({ queue: job.queue });
        deps.logger.warn("reconcile.requeued", { count: jobs.length });
      }
    }
    return more;
  };
}
