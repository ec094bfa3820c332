import { list, Review, ReviewQuery } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** What people should look at: a document about more than one identity, and the like. */
export function reviewOperations({ store }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/reviews",
      tag: "operations",
      summary: "What a person should look at, newest first",
      scope: "documents:read",
      query: ReviewQuery,
      answers: { 200: { description: "A page", schema: list(Review) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor } }) {
        const place = decodeCursor("reviews", null, TimePlace, cursor);
        const { items, next } = await store.reading.reviews(scope, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("reviews", null, next) } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/reviews/{id}/settle",
      tag: "operations",
      summary: "Somebody has looked; it leaves the list",
      scope: "documents:write",
      idempotency: "repeat",
      answers: { 204: { description: "Settled" } },
      async handle({ scope, id }) {
        await store.reading.settleReview(scope, id);
        return { status: 204 };
      },
    }),
  ];
}
