import { z } from "zod";
import type { Stage } from "./status.js";

export const queueNames = ["parse", "ocr", "chunk", "embed"] as const;
export const QueueName = z.enum(queueNames);
export type QueueName = z.infer<typeof QueueName>;

/** The newest payload this build understands; a worker hands a newer one back. */
export const payloadVersion = 1;

/** A job says "look at ingestion X, generation G" and nothing more. Ids only: nothing of a patient is ever in Redis. */
export const JobPayload = z.strictObject({
  v: z.literal(1),
  organizationId: z.uuid(),
  ingestionId: z.uuid(),
  generation: z.number().int().positive(),
});
export type JobPayload = z.infer<typeof JobPayload>;

/** What the database asks to be queued. `rank`: how many of the organization were in flight before it; lower goes first. */
export const QueuedJob = z.object({
  ...JobPayload.omit({ v: true }).shape,
  queue: QueueName,
  rank: z.number().int().nonnegative(),
});
export type QueuedJob = z.infer<typeof QueuedJob>;

export interface JobSpec {
  /** The stage whose worker consumes the queue. */
  stage: Stage;
  /** Tries before a transient failure becomes a dead letter. */
  attempts: number;
  /** Exponential backoff with full jitter: a delay drawn from 0 to min(cap, base · 2^(attempt-1)), in milliseconds. */
  backoff: { baseMs: number; capMs: number };
  /** Wall time a job may take before it is given up as `limit_time`, in milliseconds. */
  timeoutMs: number;
}

/** One entry a queue: adding a queue is adding a line here. */
export const jobCatalog: Record<QueueName, JobSpec> = {
  parse: { stage: "parse", attempts: 4, backoff: { baseMs: 1_000, capMs: 60_000 }, timeoutMs: 300_000 },
  ocr: { stage: "parse", attempts: 3, backoff: { baseMs: 5_000, capMs: 300_000 }, timeoutMs: 14_400_000 },
  chunk: { stage: "chunk", attempts: 4, backoff: { baseMs: 1_000, capMs: 60_000 }, timeoutMs: 300_000 },
  embed: { stage: "embed", attempts: 6, backoff: { baseMs: 2_000, capMs: 300_000 }, timeoutMs: 1_800_000 },
};

/** Deterministic, so that adding a job twice is adding it once. Contains no `:` and is never all digits. */
export function jobId(queue: QueueName, job: Pick<JobPayload, "ingestionId" | "generation">): string {
  return `${queue}-${job.ingestionId}-${job.generation}`;
}

/** What a job's id says; null for one that is not ours. */
export function readJobId(
  queue: QueueName,
  id: string,
): (Pick<JobPayload, "ingestionId" | "generation"> & { queue: QueueName }) | null {
  const [, name, ingestionId, generation] = /^([a-z]+)-([0-9a-f-]{36})-(\d+)$/.exec(id) ?? [];
  return name !== queue || ingestionId === undefined ? null : { queue, ingestionId, generation: Number(generation) };
}

/** Milliseconds to wait before try `attempt + 1`, drawn with full jitter. `random` gives 0 ≤ x < 1. */
export function backoffMs(queue: QueueName, attempt: number, random: () => number = Math.random): number {
  const { baseMs, capMs } = jobCatalog[queue].backoff;
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.max(0, attempt - 1)));
}
