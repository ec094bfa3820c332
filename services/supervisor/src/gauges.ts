import { type QueueName, queueNames } from "@sluice/contracts";
import type { Producer } from "@sluice/queue";
import type { Logger, Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

/** What is waiting where, from Postgres and Redis: measured in one place, the leading supervisor. */
export function createGauges(deps: { supervision: Store["supervision"]; producer: Producer; metrics: Metrics }) {
  const { metrics } = deps;
  return async (): Promise<undefined> => {
    const stats = await deps.supervision.stats();
    for (const status of ["uploaded", "parsed", "chunked", "vectorized", "failed", "cancelled"]) {
      metrics.documents.set({ status }, stats.documents[status] ?? 0);
    }
    metrics.documents.set({ status: "deleted" }, stats.deleted);
    metrics.deadLetters.reset();
    for (const { stage, code, count } of stats.deadLetters) metrics.deadLetters.set({ stage, code }, count);
    const depths = await deps.producer.depths().catch(() => undefined);
    for (const queue of queueNames) {
      const backlog = stats.backlog.find((each) => each.queue === queue);
      metrics.queueDepth.set({ stage: queue, state: "backlog" }, backlog?.waiting ?? 0);
      metrics.oldestJobAge.set({ stage: queue }, Math.max(0, backlog?.oldestSeconds ?? 0));
      if (depths !== undefined) setDepths(queue, depths);
    }
    return undefined;
  };

  function setDepths(queue: QueueName, depths: Awaited<ReturnType<Producer["depths"]>>): void {
    for (const [state, count] of Object.entries(depths[queue])) metrics.queueDepth.set({ stage: queue, state }, count);
  }
}

/** Counts every organization's ledger; what is off is a metric and a log line with the organization's id. */
export function createLedgerCount(deps: { store: Store; metrics: Metrics; logger: Logger }) {
  return async (): Promise<undefined> => {
    let imbalance = 0;
    let after: string | null = null;
    for (;;) {
      const organizations = await deps.store.tenancy.listOrganizations(after);
      for (const { id } of organizations) {
        const ledger = await deps.store.supervision.ledger(id);
        imbalance += Math.abs(ledger.imbalance);
        if (ledger.imbalance !== 0)
          deps.logger.error("ledger.imbalance", { organizationId: id, count: ledger.imbalance });
      }
      after = organizations.at(-1)?.id ?? null;
      if (after === null) break;
    }
    deps.metrics.ledgerImbalance.set(imbalance);
    return undefined;
  };
}
