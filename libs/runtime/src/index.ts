/** Process concerns: configuration, life cycle, logs, metrics, health. Knows nothing of documents. */
export { isPublicAddress, outboundConfig } from "./addresses.js";
export {
  type ConfigDefinition,
  ConfigError,
  type ConfigOf,
  describeConfig,
  readConfig,
  type Variable,
  variable,
} from "./config.js";
export { withDeadline } from "./deadline.js";
export type { Readiness } from "./health.js";
export { isAlive, LockedError, takeLock } from "./lock.js";
export { createLogger, errorFields, type LogFields, type Logger } from "./log.js";
export { createLoop, type Loop } from "./loop.js";
export { createMetrics, describeMetrics, type Metrics } from "./metrics.js";
export { processConfig, runService, type Service, type ServiceTools } from "./service.js";
