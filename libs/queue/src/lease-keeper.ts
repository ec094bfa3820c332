import { errorFields, type Logger } from "@sluice/runtime";
import type { HeldWork } from "./stage-worker.js";

export interface LeaseKeeper {
  start(): void;
  destroy(): Promise<void>;
}

/**
 * Renews the leases of all work in hand with one call every third of their time. Work whose lease is somebody else's by now is
 * reported lost; while the database can't be asked nothing is known, and the writes' generation decides.
 */
export function createLeaseKeeper(options: {
  worker: string;
  leaseMs: number;
  ledger: { renew(jobs: HeldWork[], worker: string, leaseMs: number): Promise<string[]> };
  logger: Logger;
  running: () => HeldWork[];
  lost: (ingestionId: string) => void;
}): LeaseKeeper {
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async () => {
    const held = options.running();
    if (held.length === 0) return;
    try {
      const ours = new Set(await options.ledger.renew(held, options.worker, options.leaseMs));
      const still = new Set(options.running().map((work) => work.ingestionId));
      for (const { ingestionId } of held)
        if (!ours.has(ingestionId) && still.has(ingestionId)) options.lost(ingestionId);
    } catch (error) {
      options.logger.warn("lease.renew_failed", { count: held.length, ...errorFields(error) });
    }
  };
  return {
    start() {
      timer ??= setInterval(() => {
        renewing = renewing.then(renew);
      }, options.leaseMs / 3);
    },
    async destroy() {
      clearInterval(timer);
      await renewing;
    },
  };
}
