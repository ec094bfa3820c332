/** The queues. Hides BullMQ and ioredis: what Redis holds is a hint about what is in Postgres. */
export { queueConfig } from "./connection.js";
export { createProducer, type Producer, type QueueDepth, type QueueOptions } from "./producer.js";
export {
  createStageWorker,
  type HandlerResult,
  type HeldWork,
  type StageWorker,
  type WorkLedger,
} from "./stage-worker.js";
