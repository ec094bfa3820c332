import { DeadLetter, DeadLetterQuery, Decision, DiscardRequest, list, ReplayRequest } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** Dead letters a call to the database decides on, and how long a request goes on calling. */
const step = 200;
const longestMs = 10_000;

/** What will not get further without somebody's decision, and the decisions. */
export function deadLetterOperations({ store, producer }: GatewayContext): Operation[] {
  async function decide(
    scope: Scope,
    decision: "replay" | "discard",
    { reason, ...what }: ReplayRequest & { reason?: string },
  ) {
    const until = performance.now() + longestMs;
    const total = { count: 0, left: 0, more: true };
    while (total.more && performance.now() < until) {
      const { count, left, more } = await store.operations.decide(scope, decision, what, {
        reason,
        limit: "ids" in what ? what.ids.length : step,
      });
      total.count += count;
      Object.assign(total, { left, more });
    }
    producer.nudge();
    return { status: 200, body: total };
  }
  const answers = { 200: { description: "How many", schema: Decision } };

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
        const { items, next } = await store.operations.deadLetters(scope, filter, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("dead-letters", filter, next) } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/dead-letters/replay",
      tag: "operations",
      summary: "Try again what failed, from the stage where it failed",
      description:
        "Named by `ids`, or all that pass `filter`, e.g. everything that failed with a code under a version of the stage's code. What has failed the same way in three replays (`poison`) is only tried when it is named or the filter says `poison: true`.",
      scope: "documents:write",
      body: ReplayRequest,
      example: { filter: { code: "parser_failed", version: "4" } },
      idempotency: "replay",
      answers,
      handle: ({ scope, body }) => decide(scope, "replay", body),
    }),
    operation({
      method: "post",
      path: "/v1/dead-letters/discard",
      tag: "operations",
      summary: "Give up on what failed; it stays failed, and is not listed any more",
      scope: "documents:write",
      body: DiscardRequest,
      example: { filter: { code: "document_encrypted" }, reason: "The sender has no passwords" },
      idempotency: "replay",
      answers,
      handle: ({ scope, body }) => decide(scope, "discard", body),
    }),
  ];
}
