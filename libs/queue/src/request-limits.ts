import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { connect, disconnect, type RedisConfig, within } from "./connection.js";

/** How many points somebody may use in a window. */
export interface RequestQuota {
  points: number;
  windowSeconds: number;
}

export interface QuotaState {
  isExceeded: boolean;
  remaining: number;
  /** Until the window ends, in milliseconds. */
  resetMs: number;
}

/** Longest to wait for Redis before counting here: a limit must not cost more than what it protects. */
const patienceMs = 250;

/**
 * Counts requests over all processes in Redis, window by window. While Redis is away each process counts for itself: a limit is then
 * as many times as high as there are processes, and never off. Whoever is over a limit is refused from memory, without asking Redis.
 */
export function createRequestLimits<K extends string>(options: {
  redis: RedisConfig;
  prefix: string;
  quotas: Record<K, RequestQuota>;
}) {
  const redis = connect(options.redis, "impatient");
  const limiters = new Map<K, { shared: RateLimiterRedis; own: RateLimiterMemory }>();
  for (const [name, { points, windowSeconds }] of Object.entries(options.quotas) as [K, RequestQuota][]) {
    const limit = { keyPrefix: `{${options.prefix}-limits}:${name}`, points, duration: windowSeconds };
    limiters.set(name, {
      shared: new RateLimiterRedis({
        ...limit,
        storeClient: redis,
        rejectIfRedisNotReady: true,
        inMemoryBlockOnConsumed: points + 1,
      }),
      own: new RateLimiterMemory(limit),
    });
  }
  const state = ({ remainingPoints, msBeforeNext }: RateLimiterRes, isExceeded: boolean): QuotaState => ({
    isExceeded,
    remaining: Math.max(0, remainingPoints),
    resetMs: Math.max(0, msBeforeNext),
  });
  /** What is over a limit comes as a rejection, beside what went wrong. */
  const exceeded = (thrown: unknown): QuotaState => {
    if (thrown instanceof RateLimiterRes) return state(thrown, true);
    throw thrown;
  };

  return {
    /** Uses points of somebody's quota. `who` ends up in Redis: an opaque id, or a hash. */
    async take(name: K, who: string, points = 1): Promise<QuotaState> {
      const { shared, own } = limiters.get(name) as { shared: RateLimiterRedis; own: RateLimiterMemory };
      try {
        return await within(shared.consume(who, points), patienceMs).then((left) => state(left, false), exceeded);
      } catch {
        return own.consume(who, points).then((left) => state(left, false), exceeded);
      }
    },
    destroy: () => disconnect(redis),
  };
}
export type RequestLimits<K extends string> = ReturnType<typeof createRequestLimits<K>>;
