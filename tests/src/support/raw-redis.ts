import type { QueueName } from "@sluice/contracts";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { Pipeline } from "./pipeline.js";

/** Redis as an accident or another build would treat it, past the queue library. */
export interface RawRedis {
  flush(): Promise<void>;
  /** Adds a job with any payload under any id. */
  add(queue: QueueName, id: string, payload: unknown, options?: { delay?: number }): Promise<void>;
  has(queue: QueueName, id: string): Promise<boolean>;
  destroy(): Promise<void>;
}

export function openRawRedis(pipeline: Pipeline): RawRedis {
  const redis = new Redis(pipeline.redis.url, { maxRetriesPerRequest: null });
  redis.on("error", () => {});
  const within = async <T>(name: QueueName, use: (queue: Queue) => Promise<T>): Promise<T> => {
    const queue = new Queue(name, { connection: redis, prefix: `{${pipeline.env.QUEUE_PREFIX}-${name}}` });
    try {
      return await use(queue);
    } finally {
      await queue.close();
    }
  };
  return {
    async flush() {
      await redis.flushall();
    },
    async add(name, jobId, payload, options = {}) {
      await within(name, (queue) =>
        queue.add("run", payload, { jobId, removeOnComplete: true, removeOnFail: true, ...options }),
      );
    },
    has: (name, id) => within(name, async (queue) => (await queue.getJob(id)) !== undefined),
    async destroy() {
      redis.disconnect();
    },
  };
}
