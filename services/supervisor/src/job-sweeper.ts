import { queueNames } from "@sluice/contracts";
import type { Producer } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const step = 500;

/**
 * Walks over the jobs that wait in Redis, a step of one queue a turn, and takes out those whose ingestion is gone or has moved on; a worker
 * would drop them, but they hold memory, and places before others. Finished jobs are not kept; should one be, it goes, too.
 */
export function createJobSweeper(deps: {
  supervision: Store["supervision"];
  producer: Pick<Producer, "list" | "clean" | "remove">;
  metrics: Metrics;
}) {
  let [turn, from] = [0, 0];
  return async (): Promise<boolean> => {
    const queue = queueNames[turn % queueNames.length] ?? "parse";
    const jobs = await deps.producer.list(queue, from, step);
    const obsolete = jobs.length === 0 ? [] : await deps.supervision.obsoleteJobs(jobs);
    if (obsolete.length > 0) {
      await deps.producer.remove(obsolete);
      deps.metrics.swept.inc({ kind: "jobs" }, obsolete.length);
    }
    if (jobs.length >= step) {
      // What was taken out has made those behind it move up.
      from += jobs.length - obsolete.length;
      return true;
    }
    const finished = await deps.producer.clean(queue);
    if (finished > 0) deps.metrics.swept.inc({ kind: "finished_jobs" }, finished);
    [turn, from] = [turn + 1, 0];
    return turn % queueNames.length !== 0;
  };
}
