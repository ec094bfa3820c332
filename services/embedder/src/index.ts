import { toSluiceError } from "@sluice/contracts";
import { createBatcher, createEmbeddingProvider } from "@sluice/embeddings";
import { createStageService } from "@sluice/queue";
import type { ConfigOf, Service, ServiceTools } from "@sluice/runtime";
import { createStore } from "@sluice/store";
import type { embedderConfig } from "./config.js";
import { createEmbedHandler } from "./handler.js";

export { embedderConfig } from "./config.js";

/** Chunks → vectors, in requests that span documents. */
export function createEmbedder(config: ConfigOf<typeof embedderConfig>, tools: ServiceTools): Service {
  const { metrics } = tools;
  const store = createStore(config.store);
  const provider = createEmbeddingProvider(config.embedding);
  const { model } = provider;
  const batcher = createBatcher(provider, {
    // What is computed here costs nothing by the request.
    lingerMs: model.provider === "local" ? 0 : config.lingerMs,
    concurrency: config.requests,
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
    prepare: () => store.work.registerModel(model),
    dispose: async () => batcher.destroy(),
    handler: createEmbedHandler({ work: store.work, metrics, worker: tools.worker, batcher, model }),
  });
}
