import { createStageService } from "@sluice/queue";
import type { ConfigOf, Service, ServiceTools } from "@sluice/runtime";
import { createStore } from "@sluice/store";
import type { parserConfig } from "./config.js";
import { createParseHandler } from "./handler.js";
import { ParserPool } from "./isolation/parser-pool.js";
import { createScratch } from "./scratch.js";

export { parserConfig } from "./config.js";

/** Bytes → sections, pages and children, in isolated processes. */
export function createParser(config: ConfigOf<typeof parserConfig>, tools: ServiceTools): Service {
  const store = createStore(config.store);
  const scratch = createScratch(config.scratch);
  const { timeoutMs, memoryMb, maxPages, maxDepth, maxChildren } = config;
  const pool = new ParserPool({
    size: config.concurrency,
    timeoutMs,
    memoryMb,
    limits: { maxPages, maxDepth, maxChildren, maxExpandedBytes: config.maxExpandedMb * 1024 * 1024 },
  });
  return createStageService({
    queue: "parse",
    tools,
    redis: config.queue,
    ...config.worker,
    concurrency: config.concurrency,
    work: store.work,
    databaseReady: store.ready,
    prepare: async () => {
      await scratch.start();
      await pool.start();
    },
    dispose: async () => {
      await pool.destroy();
      await scratch.destroy();
    },
    handler: createParseHandler({ store, pool, scratch, ...tools, maxChildDepth: config.maxChildDepth }),
  });
}
