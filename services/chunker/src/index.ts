import { createStageService } from "@sluice/queue";
import type { ConfigOf, Service, ServiceTools } from "@sluice/runtime";
import { createStore } from "@sluice/store";

import type { chunkerConfig } from "./config.js";
import { createCutting } from "./cutting.js";
import { createChunkHandler } from "./handler.js";
import { createMeasure } from "./tokens.js";

export { chunkerConfig } from "./config.js";

/** Sections → chunks that know where they came from. */
export function createChunker(config: ConfigOf<typeof chunkerConfig>, tools: ServiceTools): Service {
  const store = createStore({ ...config.store, metrics: tools.metrics });
  const measure = createMeasure({ ...config, isLocal: config.provider === "local" });
  const cutting = createCutting({ ...config, measure });
  return createStageService({
    queue: "chunk",
    version: cutting.version,
    tools,
    redis: config.queue,
    ...config.worker,
    concurrency: config.concurrency,
    work: store.work,
    databaseReady: store.ready,
    handler: createChunkHandler({
      work: store.work,
      metrics: tools.metrics,
      worker: tools.worker,
      cutting,
    }),
  });
}
