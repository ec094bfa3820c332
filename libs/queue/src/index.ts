/** The queues. Hides BullMQ and ioredis: what Redis holds is a hint about what is in Postgres. */

export { coalesce } from "./coalesce.js";
export { queueConfig, type RedisConfig, refuseEviction, workerConfig } from "./connection.js";
export { createProducer, type Producer, type QueueDepth, type QueueOptions, type WaitingJob } from "./producer.js";
export { createSharedRates, type SharedRateOptions } from "./rates.js";
export { createRequestLimits, type QuotaState, type RequestLimits, type RequestQuota } from "./request-limits.js";
export { createStageService } from "./stage-service.js";
export type { HandlerResult, HeldWork } from "./stage-worker.js";
