import { type DestinationStream, pino } from "pino";

/**
 * All that a log line may carry. Logs are read by many and kept for long, so fields are listed rather than redacted: a field
 * that is not here is not written. None of them can hold a document's content, a file's name or a patient's data.
 */
const allowed = {
  organizationId: "string",
  documentId: "string",
  ingestionId: "string",
  batchId: "string",
  requestId: "string",
  keyId: "string",
  userId: "string",
  worker: "string",
  queue: "string",
  stage: "string",
  status: "string",
  outcome: "string",
  code: "string",
  format: "string",
  provider: "string",
  model: "string",
  route: "string",
  method: "string",
  signal: "string",
  errorName: "string",
  errorCode: "string",
  stack: "string",
  loop: "string",
  dependency: "string",
  variable: "string",
  generation: "number",
  attempt: "number",
  durationMs: "number",
  delayMs: "number",
  count: "number",
  bytes: "number",
  pages: "number",
  sections: "number",
  chunks: "number",
  port: "number",
  httpStatus: "number",
  restarts: "number",
} as const;

type Allowed = typeof allowed;
export type LogFields = { [K in keyof Allowed]?: Allowed[K] extends "number" ? number : string };

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

const longestValue = 2_000;

function pick(fields: LogFields | undefined): Record<string, string | number> {
  const line: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (typeof value !== allowed[key as keyof Allowed]) continue;
    line[key] = typeof value === "string" ? value.slice(0, longestValue) : (value as number);
  }
  return line;
}

/** JSON lines on stdout (or `destination`). `event` is a fixed word such as `job.done`, never built from data. */
export function createLogger(
  service: string,
  options: { level?: string; destination?: DestinationStream } = {},
): Logger {
  const log = pino(
    {
      level: options.level ?? "info",
      base: { service, pid: process.pid },
      formatters: { level: (level) => ({ level }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
  return {
    debug: (event, fields) => log.debug(pick(fields), event),
    info: (event, fields) => log.info(pick(fields), event),
    warn: (event, fields) => log.warn(pick(fields), event),
    error: (event, fields) => log.error(pick(fields), event),
  };
}

/** What may be logged of a thrown value: names, codes and where it was; never its message, which may quote a document. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { errorName: typeof error };
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = (source: Error | undefined) => {
    const value: unknown = source !== undefined && "code" in source ? source.code : undefined;
    // A code is a word; what a server calls one may be anything.
    return typeof value === "string" && /^[\w./:-]{1,80}$/.test(value) ? value : undefined;
  };
  const origin = cause ?? error;
  // The stack begins with the message, which may have lines that look like places.
  const places = origin.stack?.slice(origin.stack.indexOf(origin.message) + origin.message.length);
  return {
    errorName: cause === undefined ? error.name : `${error.name} < ${cause.name}`,
    errorCode: code(cause) ?? code(error),
    stack: places
      ?.split("\n")
      .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
      .slice(0, 8)
      .map((line) => line.trim())
      .join(" | "),
  };
}
