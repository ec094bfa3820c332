import { variable } from "@sluice/runtime";
import { Redis } from "ioredis";
import { z } from "zod";

export const queueConfig = {
  url: variable(
    "REDIS_URL",
    z.string().regex(/^rediss?:\/\//, "must begin with redis:// or rediss://"),
    "Redis 7 or Valkey, with its password; noeviction and AOF.",
    { secret: true },
  ),
  prefix: variable(
    "QUEUE_PREFIX",
    z
      .string()
      .regex(/^[\w-]+$/)
      .default("sluice"),
    "What the queues' keys begin with.",
  ),
};

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** What every stage's worker is told beside its queue. */
export const workerConfig = {
  leaseMs: variable(
    "WORKER_LEASE_MS",
    positive(30_000),
    "A worker that does not renew within this is taken for dead; milliseconds.",
  ),
  maxDeaths: variable(
    "WORKER_MAX_DEATHS",
    positive(5),
    "Workers that may die on a document before it becomes a dead letter; after the first death it is run alone.",
  ),
};

/** Each queue has a hash tag of its own, so that a cluster spreads them. */
export function keyPrefix(prefix: string, queue: string): string {
  return `{${prefix}-${queue}}`;
}

/**
 * A connection that goes on trying to reach Redis. `patient` commands wait for it, as BullMQ's blocking ones must; the others fail at
 * once while it is away, so that a request never hangs on a hint.
 */
export function connect(url: string, mode: "patient" | "impatient"): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: mode === "patient" ? null : 0,
    enableOfflineQueue: mode === "patient",
    connectTimeout: 5_000,
    disconnectTimeout: 200,
    retryStrategy: (attempt) => Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)),
  });
  // Whoever uses the connection sees its failures; an "error" event without a listener would end the process.
  redis.on("error", () => {});
  return redis;
}

/** Closes without waiting for a Redis that may be gone. */
export async function disconnect(redis: Redis): Promise<void> {
  if (redis.status === "ready") {
    await Promise.race([redis.quit().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 500).unref())]);
  }
  redis.disconnect();
}
