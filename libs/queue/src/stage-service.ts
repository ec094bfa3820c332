import { setTimeout as sleep } from "node:timers/promises";
import { toSluiceError } from "@sluice/contracts";
import { errorFields, type Service, type ServiceTools } from "@sluice/runtime";
import { type RedisConfig, refuseEviction } from "./connection.js";
import { createProducer } from "./producer.js";
import { createStageWorker, type StageWorkerOptions, type StartedWork } from "./stage-worker.js";

type Options<T extends StartedWork> = Pick<
  StageWorkerOptions<T>,
  "queue" | "concurrency" | "leaseMs" | "maxDeaths" | "version" | "model" | "work" | "handler"
> & {
  redis: RedisConfig & { prefix: string };
  tools: ServiceTools;
  /** Runs before work is taken. */
  prepare?: () => Promise<void>;
  /** Runs after the last work is done. */
  dispose?: () => Promise<void>;
  databaseReady: () => Promise<boolean>;
};

/** A service that does one stage: everything but the handler is the same for all of them. */
export function createStageService<T extends StartedWork>({
  tools,
  redis,
  prepare,
  dispose,
  databaseReady,
  ...stage
}: Options<T>): Service {
  const shared = { redis, prefix: redis.prefix, logger: tools.logger, metrics: tools.metrics };
  const producer = createProducer(shared);
  const consumer = createStageWorker<T>({
    ...stage,
    ...shared,
    producer,
    worker: tools.worker,
    graceMs: tools.graceMs,
  });
  let destroying: Promise<void> | undefined;
  return {
    async start() {
      await refuseEviction(redis);
      while (destroying === undefined) {
        try {
          await prepare?.();
          consumer.start();
          return;
        } catch (error) {
          // What it needs is out: it waits like work under way does.
          if (toSluiceError(error).kind !== "outage") throw error;
          tools.logger.warn("service.waiting", errorFields(error));
          await sleep(1_000);
        }
      }
    },
    destroy() {
      destroying ??= (async () => {
        await consumer.destroy();
        await dispose?.();
        await producer.destroy();
      })();
      return destroying;
    },
    ready: async () => ({ database: await databaseReady(), redis: await consumer.ready() }),
    live: () => consumer.live(),
  };
}
