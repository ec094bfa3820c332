import { forSearch, SluiceError, withPrefix } from "@sluice/contracts";
import type { Batcher, EmbeddingModel } from "@sluice/embeddings";
import type { HandlerResult } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { ChunkToEmbed, ChunkVector, Store, Task } from "@sluice/store";

// As pgvector text a row of 1,536 dimensions is about 12 kB: a call stays near a megabyte. As many chunks come with the task.
const rowsPerCall = 100;

/**
 * How long after it was begun a document still waits here for a rate limit to pass; later, or for longer, it is handed back, so that
 * everybody sees what it waits for, and the time it may take is not used up by waiting.
 */
const patienceMs = 5_000;

/** What is sent to be embedded: the chunk with what stands before it. Exactly this text is what the vector is of. */
export function textToEmbed(chunk: Pick<ChunkToEmbed, "prefix" | "text">): string {
  return forSearch(withPrefix(chunk.prefix, chunk.text));
}

/** What was promised, unless the signal aborts first: requests are shared with other documents and can't be broken off for one. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}

/**
 * Chunks in, vectors out. Vectors are stored as soon as they are there: a crash repeats only the requests that were under way. What they
 * cost is recorded before they are stored: no vector is ever kept that is not in the books.
 */
export function createEmbedHandler(deps: {
  work: Store["work"];
  metrics: Metrics;
  worker: string;
  batcher: Batcher;
  model: EmbeddingModel;
}) {
  const { work, model } = deps;

  async function record(organizationId: string, chunks: ChunkToEmbed[], latencyMs: number): Promise<void> {
    if (model.lexical) return;
    const tokens = chunks.reduce((sum, chunk) => sum + chunk.tokenCount, 0);
    const { provider, name } = model;
    await work.recordUsage({ organizationId, provider, model: name, inputs: chunks.length, tokens, latencyMs });
  }

  return async (task: Task, signal: AbortSignal): Promise<HandlerResult> => {
    const began = performance.now();
    if (task.activeModel !== null && task.activeModel !== model.id) {
      throw new SluiceError("embedding_model_inactive", { retryAfterMs: 60_000 });
    }
    let chunks: ChunkToEmbed[] | null = task.chunks;
    let last: ChunkVector[] = [];
    for (;;) {
      signal.throwIfAborted();
      if (chunks === null) return { outcome: "stale" };
      if (chunks.length === 0) break;
      const sent = performance.now();
      const texts = chunks.map((chunk) => ({ text: textToEmbed(chunk), tokens: chunk.tokenCount }));
      const vectors = await unlessAborted(deps.batcher.embed(texts, began + patienceMs), signal);
      const { organizationId, ingestionId, generation } = task;
      await record(organizationId, chunks, performance.now() - sent);
      signal.throwIfAborted();
      last = chunks.map((chunk, i) => ({
        organizationId,
        ingestionId,
        generation,
        chunkId: chunk.id,
        vector: vectors[i] as Float32Array,
      }));
      // Fewer than a call's worth are the last: their vectors go with the seal.
      if (chunks.length < rowsPerCall) break;
      await work.putEmbeddings(model.id, last);
      last = [];
      chunks = await work.chunksToEmbed(task, model.id, chunks.at(-1)?.ordinal ?? -1, rowsPerCall);
    }
    const sealed = await work.sealEmbed(task, deps.worker, model.id, performance.now() - began, last);
    if (sealed.outcome === "sealed" && sealed.sinceAcceptedMs !== undefined) {
      deps.metrics.timeToSearchable.observe(sealed.sinceAcceptedMs / 1_000);
    }
    return sealed;
  };
}
