import { z } from "zod";

/**
 * An ingestion's life:
 *
 *   uploaded ──parse──▶ parsed ──chunk──▶ chunked ──embed──▶ vectorized
 *      └──────────┴─────────┴──▶ failed (a dead letter says why) · cancelled · deleted
 *
 * `failed` and `cancelled` go back to the status before the stage that failed when they are retried.
 */
export const statuses = ["uploaded", "parsed", "chunked", "vectorized", "failed", "cancelled", "deleted"] as const;
export const Status = z.enum(statuses);
export type Status = z.infer<typeof Status>;

/** Statuses after which nothing happens without a decision. */
export const finalStatuses: readonly Status[] = ["vectorized", "failed", "cancelled", "deleted"];

export const stages = ["parse", "chunk", "embed"] as const;
export const Stage = z.enum(stages);
export type Stage = z.infer<typeof Stage>;

/** The status an ingestion has while it waits for a stage, and the one it gets when the stage is sealed. */
export const transitions: Record<Stage, { from: Status; to: Status }> = {
  parse: { from: "uploaded", to: "parsed" },
  chunk: { from: "parsed", to: "chunked" },
  embed: { from: "chunked", to: "vectorized" },
};

/** Of the heartbeat document, which is nobody's: what it takes says nothing of what documents take. */
export const heartbeatOrganization = "00000000-0000-8000-8000-000000000001";
