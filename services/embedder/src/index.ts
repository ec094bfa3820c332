import { embeddingConfigs } from "@sluice/embeddings";
import { createStageService } from "@sluice/queue";
import type { ConfigOf, Service, ServiceTools } from "@sluice/runtime";
import { createStore } from "@sluice/store";
import { createCatchUp } from "./catch-up.js";
import type { embedderConfig } from "./config.js";
import { createEngine } from "./engine.js";
import { createEmbedHandler } from "./handler.js";

export { embedderConfig } from "./config.js";

/** Chunks → vectors, in requests that span documents; and, while an organization changes its model, the other model's vectors of what is there. */
export function createEmbedder(config: ConfigOf<typeof embedderConfig>, tools: ServiceTools): Service {
  const { metrics, worker } = tools;
  const store = createStore({ ...config.store, metrics });
  const all = embeddingConfigs(config.embedding, config.nextEmbedding).map((each) =>
    createEngine(each, config, tools, store.vectors),
  );
  const [first] = all as [(typeof all)[number], ...typeof all];
  const engines = new Map(all.map((engine) => [engine.model.id, engine]));
  // What has not happened yet is nought: a share of nothing is none.
  for (const workload of ["interactive", "backfill"] as const)
    for (const outcome of ["in_time", "late"] as const) metrics.searchable.inc({ workload, outcome }, 0);
  for (const { model } of all) {
    metrics.throttledSeconds.inc({ provider: model.provider }, 0);
    metrics.embeddingSavedTokens.inc({ model: model.name }, 0);
  }
  let inHand = 0;
  const catchUp = createCatchUp({
    reindexes: store.reindexes,
    work: store.work,
    vectors: store.vectors,
    engines,
    isBusy: () => inHand > 0,
    leaseMs: config.worker.leaseMs,
    everyMs: config.reindexMs,
    tools,
  });
  const handle = createEmbedHandler({
    work: store.work,
    vectors: store.vectors,
    metrics,
    worker,
    engines,
    first,
    keptModel: catchUp.keptModel,
  });
  return createStageService({
    queue: "embed",
    // What fails at this stage fails by its model.
    version: first.model.id,
    model: first.model.id,
    tools,
    redis: config.queue,
    ...config.worker,
    concurrency: config.concurrency,
    work: store.work,
    databaseReady: store.ready,
    async prepare() {
      for (const { model } of all) await store.work.registerModel(model);
      catchUp.start();
    },
    async dispose() {
      const caughtUp = catchUp.destroy();
      await Promise.all(all.map((engine) => engine.destroy()));
      await caughtUp;
    },
    async handler(task, signal) {
      inHand += 1;
      return handle(task, signal).finally(() => {
        inHand -= 1;
      });
    },
  });
}
