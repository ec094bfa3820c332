import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Batch, Receipt } from "@sluice/contracts";
import { z } from "zod";

const filesPerRequest = 16;
const requestsAtOnce = 4;

type Call = <T>(path: string, answer: z.ZodType<T>, init?: RequestInit) => Promise<T>;

/** Calls with one key. */
export function caller(gatewayUrl: string, apiKey: string): Call {
  return async (path, answer, init = {}) => {
    const response = await fetch(new URL(path, gatewayUrl), {
      ...init,
      headers: { "x-api-key": apiKey, ...(init.headers as Record<string, string> | undefined) },
    });
    return answer.parse(await response.json());
  };
}

/** Sends files as one batch, several requests at once. */
export async function send(call: Call, batchId: string, files: string[]): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const queue = [...files];
  const lane = async () => {
    for (let group = queue.splice(0, filesPerRequest); group.length > 0; group = queue.splice(0, filesPerRequest)) {
      const form = new FormData();
      form.set("batchId", batchId);
      for (const file of group) form.append("file", await openAsBlob(file), basename(file));
      const answer = await call("/v1/documents", z.object({ documents: z.array(Receipt) }), {
        method: "POST",
        body: form,
      });
      receipts.push(...answer.documents);
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, lane));
  return receipts;
}

export const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export async function openBatch(call: Call): Promise<string> {
  return (await call("/v1/batches", Batch, json({ name: "bench" }))).id;
}

/** Seals the batch and returns when all of it is final. */
export async function complete(call: Call, batchId: string): Promise<Batch> {
  await call(`/v1/batches/${batchId}/seal`, Batch, json({}));
  for (;;) {
    const batch = await call(`/v1/batches/${batchId}`, Batch);
    if (batch.complete) return batch;
    await sleep(100);
  }
}
