import { jobCatalog, type QueueName, queueNames, type Status, statuses, transitions } from "@sluice/contracts";
import type { Producer } from "@sluice/queue";
import type { Logger, Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

/** Documents of a status are those of the queues they wait for in it, or of the final status itself. */
function measuresOf(status: Status): string[] {
  const queues = queueNames.filter((queue) => transitions[jobCatalog[queue].stage].from === status);
  return queues.length > 0 ? queues : [status];
}

/** What is waiting where, from Postgres and Redis, and whether the ledger balances: measured in one place, the leading supervisor. */
export function createGauges(deps: {
  supervision: Store["supervision"];
  producer: Producer;
  metrics: Metrics;
  logger: Logger;
}) {
  const { metrics, logger } = deps;

  /** One that no longer leads shows nothing: what it counted last would be taken for how things are. */
  async function standBy(): Promise<undefined> {
    for (const gauge of [
      metrics.documents,
      metrics.deadLetters,
      metrics.ledgerImbalance,
      metrics.breakersOpen,
      metrics.queueDepth,
      metrics.oldestJobAge,
      metrics.overdue,
      metrics.recountAge,
      metrics.redisMemory,
      metrics.keyExpiry,
      metrics.heartbeatAge,
    ])
      gauge.remove();
    metrics.leads.set(0);
  }

  async function measure(): Promise<undefined> {
    metrics.leads.set(1);
    const memory = await deps.producer.memoryRatio().catch(() => undefined);
    if (memory !== undefined) metrics.redisMemory.set(memory);
    const [{ counts, backlog, unbalanced, overdue, keyExpirySeconds }, recount, breakers] = await Promise.all([
      deps.supervision.stats(),
      deps.supervision.recountState(),
      deps.supervision.breakers(),
    ]);
    for (const status of statuses) {
      metrics.documents.set(
        { status },
        measuresOf(status).reduce((sum, measure) => sum + (counts[measure] ?? 0), 0),
      );
    }
    metrics.deadLetters.reset();
    for (const [measure, count] of Object.entries(counts)) {
      const [kind, stage, code] = measure.split("/");
      if (kind === "dead" && stage !== undefined && code !== undefined) metrics.deadLetters.set({ stage, code }, count);
    }
    const found = recount.findings.reduce((sum, { count }) => sum + count, 0);
    metrics.ledgerImbalance.set(found + unbalanced.reduce((sum, { imbalance }) => sum + Math.abs(imbalance), 0));
    if (recount.secondsSince !== null) metrics.recountAge.set(recount.secondsSince);
    for (const { organizationId, finding, count } of recount.findings)
      logger.error("ledger.finding", { organizationId, code: finding, count });
    metrics.breakersOpen.reset();
    for (const { queue, cause } of breakers) {
      const open = breakers.filter((each) => each.queue === queue && each.cause === cause);
      metrics.breakersOpen.set({ queue, cause }, open.length);
    }
    for (const { organizationId, imbalance } of unbalanced) {
      logger.error("ledger.imbalance", { organizationId, count: imbalance });
    }
    metrics.overdue.set(overdue);
    metrics.keyExpiry.remove();
    if (keyExpirySeconds !== null) metrics.keyExpiry.set(keyExpirySeconds);
    const depths = await deps.producer.depths().catch(() => undefined);
    for (const queue of queueNames) {
      const lane = backlog.find((each) => each.queue === queue);
      metrics.queueDepth.set({ stage: queue, state: "backlog" }, lane?.waiting ?? 0);
      const age = (seconds: number | undefined) => Math.max(0, seconds ?? 0);
      metrics.oldestJobAge.set({ stage: queue, workload: "backfill" }, age(lane?.oldestSeconds));
      metrics.oldestJobAge.set({ stage: queue, workload: "interactive" }, age(lane?.oldestInteractiveSeconds));
      if (depths !== undefined) setDepths(queue, depths);
    }
    return undefined;
  }

  function setDepths(queue: QueueName, depths: Awaited<ReturnType<Producer["depths"]>>): void {
    for (const [state, count] of Object.entries(depths[queue])) metrics.queueDepth.set({ stage: queue, state }, count);
  }

  return { measure, standBy };
}
