import type { Logger, Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

/** Acceptances looked at in one step: with a step every two seconds 43 million a day. */
const step = 1_000;

/** Holds the books against the rows, a step at a time, for ever: every acceptance against its ingestion, every tally against a count. */
export function createAuditor(deps: { supervision: Store["supervision"]; metrics: Metrics; logger: Logger }) {
  const { supervision, metrics, logger } = deps;
  return {
    async ingestions(): Promise<undefined> {
      const { found, looked } = await supervision.recountStep(step);
      metrics.recounted.inc(looked);
      if (found > 0) logger.error("ledger.findings", { count: found });
      return undefined;
    },
    async tallies(): Promise<undefined> {
      const counted = await supervision.recountTallies();
      if (counted === null || Object.keys(counted.off).length === 0) return undefined;
      const off = Object.values(counted.off).reduce((sum, n) => sum + Math.abs(n), 0);
      logger.error("ledger.miscounted", { organizationId: counted.organizationId, count: off });
      metrics.miscounted.inc(off);
      return undefined;
    },
  };
}
