import { z } from "zod";
import { type ConfigDefinition, ConfigError, type ConfigOf, readConfig, variable } from "./config.js";
import { createHealthServer, type Readiness } from "./health.js";
import { createLogger, errorFields, type Logger } from "./log.js";
import { createLoop } from "./loop.js";
import { createMetrics, type Metrics } from "./metrics.js";

/** A process's main thing. `start` returns when it takes work; `destroy` drains and is idempotent. */
export interface Service {
  start(): Promise<void>;
  destroy(): Promise<void>;
  /** Reaches what it needs. */
  ready(): Promise<Readiness>;
  /** False when it looks alive but does nothing: the process is to be restarted. */
  live?(): boolean;
}

export interface ServiceTools {
  logger: Logger;
  metrics: Metrics;
  /** Names this process in leases, events and logs. */
  worker: string;
  /** Time for work under way when it is told to stop; milliseconds. */
  graceMs: number;
}

/** What every service is told. */
export const processConfig = {
  host: variable("METRICS_HOST", z.string().default("127.0.0.1"), "Address that health and metrics listen on."),
  metricsPort: variable(
    "METRICS_PORT",
    z.coerce.number().int().min(0).max(65535).default(0),
    "Port for health and metrics; 0 takes a free one.",
  ),
  logLevel: variable(
    "LOG_LEVEL",
    z.enum(["debug", "info", "warn", "error"]).default("info"),
    "Least level that is logged.",
  ),
  graceMs: variable(
    "SHUTDOWN_GRACE_MS",
    z.coerce.number().int().positive().default(20_000),
    "Time for work under way after SIGTERM, then it is handed back; milliseconds.",
  ),
  plainText: variable(
    "ALLOW_PLAINTEXT",
    z.string().default(""),
    "With NODE_ENV=production, variables whose addresses may be without TLS all the same, such as `RERANK_URL`; those on this machine always may.",
  ),
  instance: variable(
    "SLUICE_INSTANCE",
    z.string().max(64).default(""),
    "Name of this process in leases and events; made up when empty.",
  ),
};

/** How often a service is looked at, and after how many looks without life it ends, to be started again. */
const lookMs = 5_000;
const lifelessLooks = 3;

/** What the configuration says can't be: says so and ends. */
function refuse(service: string, error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  const logger = createLogger(service);
  for (const { name } of error.problems) logger.error("config.invalid", { variable: name });
  process.stderr.write(`${service}: ${error.message}\n`);
  process.exit(2);
}

/**
 * A service's `main`: reads its configuration, serves health and metrics, starts it, and stops it on SIGTERM, SIGINT or when the
 * parent that forked it goes away. A second SIGINT, or a stop that takes more than the grace period and five seconds, quits at once.
 */
export async function runService<D extends ConfigDefinition>(options: {
  name: string;
  config: D;
  create: (config: ConfigOf<D>, tools: ServiceTools) => Service;
}): Promise<void> {
  let config: ConfigOf<D & { process: typeof processConfig }>;
  try {
    config = readConfig({ ...options.config, process: processConfig });
  } catch (error) {
    refuse(options.name, error);
  }
  const own = config.process as ConfigOf<typeof processConfig>;
  const logger = createLogger(options.name, { level: own.logLevel });
  const metrics = createMetrics(options.name);
  const worker = own.instance === "" ? `${options.name}-${process.pid}-${Date.now().toString(36)}` : own.instance;
  const service = options.create(config as ConfigOf<D>, { logger, metrics, worker, graceMs: own.graceMs });
  const health = createHealthServer({
    host: own.host,
    port: own.metricsPort,
    metrics,
    live: () => service.live?.() ?? true,
    ready: () => service.ready(),
  });

  let stopping = false;
  const stop = (signal: string, exitCode = 0) => {
    if (stopping) {
      if (signal === "SIGINT") process.exit(1);
      return;
    }
    stopping = true;
    logger.info("service.stopping", { signal });
    setTimeout(() => process.exit(1), own.graceMs + 5_000).unref();
    service
      .destroy()
      .then(() => health.destroy())
      .then(() => logger.info("service.stopped"))
      .then(
        () => process.exit(exitCode),
        (error) => {
          logger.error("service.stop_failed", errorFields(error));
          process.exit(1);
        },
      );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("disconnect", () => stop("disconnect"));
  // What nobody caught leaves the process in a state nobody thought of: work is leased and comes back, so stop.
  process.on("uncaughtException", (error) => {
    logger.error("service.crashed", errorFields(error));
    process.exit(1);
  });
  process.on("unhandledRejection", (error) => {
    logger.error("service.crashed", errorFields(error));
    process.exit(1);
  });

  const { port } = await health.start();
  await service.start().catch((error: unknown) => refuse(options.name, error));
  // A process that is connected and does nothing is found by nobody else where there is no orchestrator.
  let lifeless = 0;
  setInterval(() => {
    lifeless = (service.live?.() ?? true) ? 0 : lifeless + 1;
    if (lifeless < lifelessLooks) return;
    logger.error("service.stuck");
    stop("stuck", 1);
  }, lookMs).unref();
  const watch = createLoop({
    name: "dependencies",
    everyMs: lookMs,
    logger,
    async turn() {
      for (const [dependency, up] of Object.entries(await service.ready()))
        metrics.dependencyUp.set({ dependency }, up ? 1 : 0);
      return false;
    },
  });
  watch.start();
  logger.info("service.started", { port, worker });
  // To the stack that forked it, where there is one.
  process.send?.({ started: port });
}
