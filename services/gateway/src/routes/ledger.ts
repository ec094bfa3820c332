import { DeadLetter, DeadLetterQuery, LedgerAnswer, LedgerQuery, list } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** Whether everything that was accepted is accounted for, and what waits for somebody's decision. */
export function ledgerOperations({ store }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/dead-letters",
      tag: "operations",
      summary: "What will not get further without a decision, newest first",
      scope: "documents:read",
      query: DeadLetterQuery,
      answers: { 200: { description: "A page", schema: list(DeadLetter) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { batch, limit, cursor, ...rest } }) {
        const filter = { ...rest, ...(batch === undefined ? {} : { batchId: batch }) };
        const place = decodeCursor("dead-letters", filter, TimePlace, cursor);
        const { items, next } = await store.reading.deadLetters(scope, filter, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("dead-letters", filter, next) } };
      },
    }),
    operation({
      method: "get",
      path: "/v1/ledger",
      tag: "operations",
      summary: "What was accepted against what became of it; `imbalance` is zero when all is well",
      scope: "documents:read",
      query: LedgerQuery,
      answers: { 200: { description: "The ledger", schema: LedgerAnswer } },
      problems: ["not_found"],
      async handle({ scope, query: { batch, check } }) {
        const { organizationId } = scope;
        // Counts of a batch that is somebody else's would be zeros; it is not there at all.
        if (batch !== undefined) await store.reading.batch(scope, batch);
        const ledger = await store.supervision.ledger(organizationId, batch);
        if (!check) return { status: 200, body: { ledger } };
        return { status: 200, body: { ledger, findings: await store.supervision.checkLedger(organizationId) } };
      },
    }),
  ];
}
