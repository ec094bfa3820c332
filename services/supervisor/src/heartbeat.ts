import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { Producer } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

/** Always the same words: after the first, its organization has their vector and nothing is paid for. */
const text = Buffer.from("Heartbeat. This document is nobody's; it is sent to see that documents get through.\n");

/** A document of nobody's that goes through storage, every queue and every stage, and how long ago the last one that came through was sent. */
export function createHeartbeat(deps: { store: Store; producer: Producer; metrics: Metrics }) {
  const { supervision, objects } = deps.store;
  // One that never comes through is as old as this process.
  let through = performance.now();
  return {
    async send(): Promise<boolean> {
      const { organizationId, underWay } = await supervision.heartbeat();
      if (underWay) return false;
      const objectPath = `${organizationId}/${randomUUID()}`;
      await objects.upload(objectPath, Readable.from([text]), "text/plain");
      const contentHash = createHash("sha256").update(text).digest("hex");
      const job = await supervision.beat({ objectPath, contentHash, byteLength: text.byteLength });
      if (job !== null) await deps.producer.enqueue([job]);
      return false;
    },
    /** It grows while the database does not answer, too. */
    async measure(): Promise<boolean> {
      try {
        const { ageSeconds } = await supervision.heartbeat();
        if (ageSeconds !== null) through = performance.now() - ageSeconds * 1_000;
      } finally {
        deps.metrics.heartbeatAge.set((performance.now() - through) / 1_000);
      }
      return false;
    },
  };
}
