import { toSluiceError } from "@sluice/contracts";
import { createBatcher, createEmbeddingProvider, createGovernor } from "@sluice/embeddings";
import { createSharedRates, createStageService } from "@sluice/queue";
import type { ConfigOf, Service, ServiceTools } from "@sluice/runtime";
import { createStore } from "@sluice/store";
import { type ChunkText, createBooks } from "./books.js";
import type { embedderConfig } from "./config.js";
import { createEmbedHandler } from "./handler.js";

export { embedderConfig } from "./config.js";

/** Keeping what a request brought takes no longer, or somebody died. */
const keepingMs = 240_000;

/** Chunks → vectors, in requests that span documents. */
export function createEmbedder(config: ConfigOf<typeof embedderConfig>, tools: ServiceTools): Service {
  const { metrics, logger } = tools;
  const store = createStore(config.store);
  const provider = createEmbeddingProvider(config.embedding);
  const { model, isInstant } = provider;
  const { baseUrl, apiKey, timeoutMs, price } = config.embedding;
  const rates = isInstant
    ? undefined
    : createSharedRates({
        redis: config.queue,
        prefix: config.queue.prefix,
        // Providers count by key and model.
        provider: `${baseUrl} ${apiKey} ${model.name}`,
        member: tools.worker,
        ceiling: config.pace,
        organization: config.share,
      });
  const batcher = createBatcher<ChunkText>(provider, {
    // What is computed here costs nothing by the request.
    lingerMs: isInstant ? 0 : config.lingerMs,
    concurrency: config.requests,
    books: isInstant
      ? undefined
      : createBooks({ vectors: store.vectors, model, metrics, logger, ttlMs: timeoutMs + keepingMs }),
    governor: rates && createGovernor(rates, config.pace),
    onRequest({ inputs, tokens, error }) {
      const outcome = error === undefined ? "ok" : toSluiceError(error).code;
      metrics.embeddingRequests.inc({ provider: model.provider, outcome });
      metrics.embeddingBatchSize.observe(inputs);
      if (error === undefined) metrics.embeddingTokens.inc({ model: model.name }, tokens);
    },
    onLimited: (ms) => metrics.throttledSeconds.inc({ provider: model.provider }, ms / 1_000),
  });
  return createStageService({
    queue: "embed",
    // What fails at this stage fails by its model.
    version: model.id,
    model: model.id,
    tools,
    redis: config.queue,
    ...config.worker,
    concurrency: config.concurrency,
    work: store.work,
    databaseReady: store.ready,
    prepare: () => store.work.registerModel({ ...model, price }),
    async dispose() {
      batcher.destroy();
      await rates?.destroy();
    },
    handler: createEmbedHandler({
      work: store.work,
      vectors: store.vectors,
      metrics,
      worker: tools.worker,
      batcher,
      model,
      isInstant,
    }),
  });
}
