import { createLoop, type Logger } from "@sluice/runtime";

export interface Leadership {
  start(): Promise<void>;
  /** True while this process may act. Never true in two processes at once: it ends here before it ends in the database. */
  leads(): boolean;
  destroy(): Promise<void>;
}

interface LeaseLedger {
  acquireLease(name: string, holder: string, ttlMs: number): Promise<number | null>;
  releaseLease(name: string, holder: string): Promise<void>;
}

const name = "supervisor";

/** One supervisor leads; the others stand by and take over when its lease runs out, on database time. */
export function createLeadership(options: {
  ledger: LeaseLedger;
  holder: string;
  leaseMs: number;
  logger: Logger;
}): Leadership {
  const { ledger, holder, leaseMs, logger } = options;
  let until = 0;
  let fence: number | null | undefined;
  const acquire = async () => {
    const asked = performance.now();
    const got = await ledger.acquireLease(name, holder, leaseMs);
    if (got !== fence) logger.info(got === null ? "leadership.standby" : "leadership.taken", { count: got ?? 0 });
    fence = got;
    // Counted from before the question, so that a slow answer shortens it; the rest is left for the call under way.
    until = got === null ? 0 : asked + leaseMs * 0.7;
    return undefined;
  };
  const loop = createLoop({ name: "leadership", everyMs: leaseMs / 4, maxDelayMs: leaseMs / 2, logger, turn: acquire });
  return {
    async start() {
      await acquire().catch(() => {});
      loop.start();
    },
    leads: () => performance.now() < until,
    async destroy() {
      await loop.destroy();
      if (performance.now() < until) await ledger.releaseLease(name, holder).catch(() => {});
      until = 0;
    },
  };
}
