import { setTimeout as sleep } from "node:timers/promises";
import type { Batch, Document } from "@sluice/contracts";
import type { Client } from "../client.js";

/** Follows a sealed batch until all of it is final, children included. */
export async function follow(client: Client, batchId: string, onProgress: (batch: Batch) => void): Promise<Batch> {
  for (;;) {
    const batch = await client.persist(() => client.batch(batchId));
    onProgress(batch);
    if (batch.complete) return batch;
    await sleep(batch.inFlight > 1_000 ? 2_000 : 400);
  }
}

/** One document, when it is final. */
export async function settled(client: Client, id: string): Promise<Document> {
  for (;;) {
    const document = await client.persist(() => client.document(id));
    if (["vectorized", "failed", "cancelled"].includes(document.status)) return document;
    await sleep(200);
  }
}
