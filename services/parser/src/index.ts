import { statfs } from "node:fs/promises";
import { jobCatalog } from "@sluice/contracts";
import { createStageService } from "@sluice/queue";
import { type ConfigOf, createLoop, type Service, type ServiceTools } from "@sluice/runtime";
import { createStore, type Store } from "@sluice/store";
import { createScanner } from "./clamd.js";
import type { ParserQueue, parserConfig } from "./config.js";
import { createParseHandler } from "./handler.js";
import { ParserPool } from "./isolation/parser-pool.js";
import { createLlamaParse, type LlamaParse } from "./provider/llamaparse.js";
import { chooseEngine } from "./recognition/choose-engine.js";
import { createScratch, type Scratch } from "./scratch.js";
import { parserVersion } from "./version.js";

export { parserConfig } from "./config.js";
export { defaultLimits } from "./formats/format.js";
export { parseFile } from "./formats/parse-file.js";
export { ParserPool } from "./isolation/parser-pool.js";
export { chooseEngine } from "./recognition/choose-engine.js";

type Config = ConfigOf<typeof parserConfig>;

/** Bytes → sections, pages, tables, facts and children, in isolated processes; for each of its queues apart. */
export function createParser(config: Config, tools: ServiceTools): Service {
  const store = createStore({ ...config.store, metrics: tools.metrics });
  const scratch = createScratch(config.scratch);
  const disk = createLoop({
    name: "disk",
    everyMs: 15_000,
    logger: tools.logger,
    async turn() {
      const { bavail, blocks } = await statfs(config.scratch);
      tools.metrics.diskFree.set(bavail / blocks);
      return false;
    },
  });
  const services = config.queues.map((queue) => createQueueService(queue, config, tools, store, scratch));
  return {
    async start() {
      await scratch.start();
      disk.start();
      await Promise.all(services.map((service) => service.start()));
    },
    async destroy() {
      await Promise.all(services.map((service) => service.destroy()));
      await disk.destroy();
      await scratch.destroy();
    },
    async ready() {
      const all = await Promise.all(services.map((service) => service.ready()));
      const isReady = (name: string) => all.every((each) => each[name] !== false);
      return Object.fromEntries(all.flatMap(Object.keys).map((name) => [name, isReady(name)]));
    },
    live: () => services.every((service) => service.live?.() ?? true),
  };
}

function createQueueService(
  queue: ParserQueue,
  config: Config,
  tools: ServiceTools,
  store: Store,
  scratch: Scratch,
): Service {
  const { maxPages, maxDepth, maxChildren, maxChildDepth, maxDescendants } = config;
  const { concurrency, timeoutMs, memoryMb } = config[queue];
  const { engine: choice, languages } = config.ocr;
  const pool = new ParserPool({
    size: concurrency,
    timeoutMs,
    memoryMb,
    limits: {
      maxPages,
      maxDepth,
      maxChildren,
      maxExpandedBytes: config.maxExpandedMb * 1024 * 1024,
      maxPixels: config.maxMegapixels * 1_000_000,
    },
    recognition: choice === "off" ? "none" : "elsewhere",
  });

  async function prepare(): Promise<void> {
    if (queue === "ocr") {
      const engine = await chooseEngine({ choice, languages });
      if (engine) pool.recogniseWith(engine);
      tools.logger.info("parser.recognition", { provider: engine?.name ?? "off", model: engine?.version });
    }
    await pool.start();
  }

  return createStageService({
    queue,
    version: parserVersion,
    tools,
    redis: config.queue,
    ...config.worker,
    concurrency,
    work: store.work,
    databaseReady: store.ready,
    prepare,
    dispose: () => pool.destroy(),
    handler: createParseHandler({
      store,
      pool,
      scratch,
      ...tools,
      maxChildDepth,
      maxDescendants,
      maxDescendantBytes: config.maxDescendantsMb * 1024 * 1024,
      scan: config.clamd.host === undefined ? undefined : createScanner({ ...config.clamd, host: config.clamd.host }),
      provider: queue === "parse" ? createProvider(config) : undefined,
    }),
  });
}

function createProvider({ provider, maxExpandedMb }: Config): LlamaParse | undefined {
  const { name, apiKey, ...options } = provider;
  if (name === "builtin") return undefined;
  if (apiKey === undefined) throw new Error("PARSER_PROVIDER=llamaparse needs LLAMA_CLOUD_API_KEY");
  // A job in hand ends well before the queue's own limit, so that what is too slow there is read here.
  const jobMs = jobCatalog.parse.timeoutMs * 0.7;
  return createLlamaParse({
    ...options,
    apiKey,
    requestMs: 60_000,
    jobMs,
    pollMs: 1_000,
    maxBytes: maxExpandedMb * 1024 * 1024,
  });
}
