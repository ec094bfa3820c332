import { Document, describeCode, type Header } from "@sluice/contracts";
import { z } from "zod";
import { refuse } from "./rpc.js";

/** A place in a list ordered by time: the last row's. */
export interface TimeCursor {
  at: string;
  id: string;
}

export const DocumentRow = Document.omit({ error: true }).extend({
  header: z.custom<Header>().nullable(),
  errorCode: z.string().nullable(),
  failedStage: z.enum(["parse", "chunk", "embed"]).nullable(),
  createdAt: z.string().optional(),
});

/** With the sentences of its error. */
export function toDocument({ errorCode, failedStage, createdAt: _, ...row }: z.infer<typeof DocumentRow>): Document {
  if (errorCode === null) return { ...row, error: null };
  const { code, title, advice } = describeCode(errorCode);
  return { ...row, error: { code, title, advice, stage: failedStage } };
}

/** What a caller who may not is told. */
export const refused = z.object({ outcome: z.enum(["forbidden", "not_found"]) });
export const listOf = <T extends z.ZodType>(item: T) =>
  z.union([z.object({ outcome: z.literal("ok"), items: z.array(item) }), refused]);

export const ok = <T extends { outcome: string }>(answer: T) => refuse(answer) as Extract<T, { outcome: "ok" }>;
/** Ids of more than one organization come from callers; what is not there and what is somebody else's look the same. */
export const before = (cursor: TimeCursor | null) => ({
  p_before_at: cursor?.at ?? null,
  p_before_id: cursor?.id ?? null,
});
