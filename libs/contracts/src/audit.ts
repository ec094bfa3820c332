import { z } from "zod";
import { cursor, time } from "./fields.js";

/** Who did what to what, from where, when, and how it ended. Ids, counts and keyed hashes; never content. */
export const AuditEntry = z.object({
  id: z.number(),
  at: time,
  actor: z.object({
    kind: z
      .string()
      .describe("`user`, `api_key`, `system`, `database` (keys and members, whoever changed them) or `stranger`"),
    id: z.uuid().nullable(),
  }),
  action: z.string(),
  resource: z.object({ kind: z.string(), ids: z.array(z.uuid()) }),
  result: z.string().describe("`allowed`, `refused`, `not_found` and others"),
  requestId: z.string().nullable(),
  address: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
  seal: z.number().nullable().describe("Its place in the chain; null for the seconds until it is sealed"),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditQuery = z.strictObject({
  action: z.string().max(100).optional(),
  actorId: z.uuid().optional(),
  resourceId: z.uuid().optional().describe("Entries that name it: who read this document, and when"),
  result: z.string().max(50).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor,
});
export type AuditQuery = z.infer<typeof AuditQuery>;
