import { toSluiceError } from "@sluice/contracts";
import {
  type Batcher,
  createBatcher,
  createEmbeddingProvider,
  createGovernor,
  type EmbeddingConfig,
  type EmbeddingModel,
} from "@sluice/embeddings";
import { createSharedRates } from "@sluice/queue";
import type { ConfigOf, ServiceTools } from "@sluice/runtime";
import type { Store } from "@sluice/store";
import { type ChunkText, createBooks } from "./books.js";
import type { embedderConfig } from "./config.js";

/** Keeping what a request brought takes no longer, or somebody died. */
const keepingMs = 240_000;

/** A model and the way to its vectors. */
export interface Engine {
  model: EmbeddingModel & { price: number | undefined };
  /** What is computed here costs nothing: it is neither looked for nor booked. */
  isInstant: boolean;
  batcher: Batcher<ChunkText>;
  destroy(): Promise<void>;
}

export function createEngine(
  embedding: EmbeddingConfig,
  config: ConfigOf<typeof embedderConfig>,
  { metrics, logger, worker }: ServiceTools,
  vectors: Store["vectors"],
): Engine {
  const provider = createEmbeddingProvider(embedding);
  const { model, isInstant } = provider;
  const { baseUrl, apiKey, timeoutMs, price } = embedding;
  const rates = isInstant
    ? undefined
    : createSharedRates({
        redis: config.queue,
        prefix: config.queue.prefix,
        // Providers count by key and model.
        provider: `${baseUrl} ${apiKey} ${model.name}`,
        member: worker,
        ceiling: config.pace,
        organization: config.share,
      });
  const batcher = createBatcher<ChunkText>(provider, {
    // What is computed here costs nothing by the request.
    lingerMs: isInstant ? 0 : config.lingerMs,
    concurrency: config.requests,
    books: isInstant ? undefined : createBooks({ vectors, model, metrics, logger, ttlMs: timeoutMs + keepingMs }),
    governor: rates && createGovernor(rates, config.pace),
    onRequest({ inputs, tokens, error }) {
      const outcome = error === undefined ? "ok" : toSluiceError(error).code;
      metrics.embeddingRequests.inc({ provider: model.provider, outcome });
      metrics.embeddingBatchSize.observe(inputs);
      if (error === undefined) metrics.embeddingTokens.inc({ model: model.name }, tokens);
    },
    onLimited: (ms) => metrics.throttledSeconds.inc({ provider: model.provider }, ms / 1_000),
  });
  return {
    model: { ...model, price },
    isInstant,
    batcher,
    async destroy() {
      batcher.destroy();
      await rates?.destroy();
    },
  };
}
