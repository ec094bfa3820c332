import { AuditEntry, AuditQuery, list } from "@sluice/contracts";
import { z } from "zod";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

const Place = z.strictObject({ before: z.number().int().positive().max(Number.MAX_SAFE_INTEGER) });

/** Who did what, for those whose task it is to look. */
export function auditOperations({ store }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/audit",
      tag: "operations",
      summary: "Who did what to what, newest first",
      description:
        "Of the caller's organization: reads of content with the documents whose passages came back, searches (the query as a keyed hash), changes, and what was refused. It needs `audit:read`, which owners and auditors have. Looking is itself written down.",
      scope: "audit:read",
      query: AuditQuery,
      answers: { 200: { description: "A page", schema: list(AuditEntry) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor, ...filter } }) {
        const place = decodeCursor("audit", filter, Place, cursor);
        const { items, next } = await store.audit.read(scope, filter, place?.before ?? null, limit);
        const nextCursor = encodeCursor("audit", filter, next === null ? null : { before: next });
        return { status: 200, body: { items, nextCursor } };
      },
    }),
  ];
}
