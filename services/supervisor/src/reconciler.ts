import type { Producer } from "@sluice/queue";
import type { Logger, Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const pageSize = 500;

/**
 * Queues again what is in flight in Postgres and nowhere else: the job was lost with Redis, or never reached it, or its worker
 * died. One page a turn; true when there are more pages.
 */
export function createReconciler(deps: {
  supervision: Store["supervision"];
  producer: Producer;
  metrics: Metrics;
  logger: Logger;
  graceMs: number;
  maxDeaths: number;
}) {
  const { supervision, producer } = deps;
  let after: { dispatchedAt: string; ingestionId: string } | null = null;
  return async (): Promise<boolean> => {
    const page = await supervision.stranded(deps.graceMs, after, pageSize);
    const last = page.at(-1);
    after = page.length < pageSize || last === undefined ? null : last;
    if (page.length > 0) {
      const queued = await producer.has(page);
      const lost = page.filter((each, i) => each.expired || queued[i] === false);
      if (lost.length > 0) {
        const jobs = await supervision.requeue(lost, deps.maxDeaths);
        await producer.enqueue(jobs);
        for (const job of jobs) deps.metrics.requeued.inc({ queue: job.queue });
        deps.logger.warn("reconcile.requeued", { count: jobs.length });
      }
    }
    return after !== null;
  };
}
