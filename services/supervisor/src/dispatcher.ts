import type { Producer } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

export interface Dispatcher {
  /** Moves ingestions from the backlog into their organizations' windows, fairly. True when there may be more. */
  turn(): Promise<boolean>;
  /** Whether the last turn found any. */
  busy(): boolean;
}

export function createDispatcher(deps: {
  supervision: Store["supervision"];
  producer: Producer;
  metrics: Metrics;
  window: number;
  limit: number;
}): Dispatcher {
  let found = 0;
  return {
    async turn() {
      const jobs = await deps.supervision.dispatch(deps.limit, deps.window);
      found = jobs.length;
      // What Redis does not take now has its place in the window all the same; the reconciler brings it back.
      await deps.producer.enqueue(jobs);
      for (const job of jobs) deps.metrics.dispatched.inc({ queue: job.queue });
      return found === deps.limit;
    },
    busy: () => found > 0,
  };
}
