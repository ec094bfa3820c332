import {
  Batch,
  type BatchAction,
  BatchActionAnswer,
  BatchListQuery,
  batchActions,
  list,
  NewBatch,
  SealBatch,
} from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** Ingestions a call to the database cancels or retries, and how long a request goes on calling. */
const step = 500;
const longestMs = 10_000;

const summaries: Record<BatchAction, string> = {
  seal: "Take no more documents; the batch is complete when all are final",
  pause: "Hold back what is not being worked on",
  resume: "Go on",
  cancel: "Give up what is not finished, and take no more",
  retry: "Try again what failed",
};

/** Batches, and what can be done with a whole one. */
export function batchOperations({ store, producer }: GatewayContext): Operation[] {
  async function act(scope: Scope, id: string, action: BatchAction, expected?: number) {
    const until = performance.now() + longestMs;
    let done = await store.reading.batchAction(scope, id, action, { expected, limit: step });
    while (done.more && performance.now() < until)
      done = await store.reading.batchAction(scope, id, action, { limit: step });
    producer.nudge();
    return { status: 200, body: { ...done.batch, more: done.more } };
  }
  const answers = { 200: { description: "The batch as it is now", schema: BatchActionAnswer } };

  return [
    operation({
      method: "post",
      path: "/v1/batches",
      tag: "batches",
      summary: "Begin a batch",
      scope: "documents:write",
      body: NewBatch,
      example: { name: "Archive of 2024, first half", expected: 12_000 },
      idempotency: "replay",
      answers: { 201: { description: "The batch", schema: Batch } },
      async handle({ scope, body }) {
        return { status: 201, body: await store.reading.createBatch(scope, body.name, body.expected) };
      },
    }),
    operation({
      method: "get",
      path: "/v1/batches",
      tag: "batches",
      summary: "List batches, newest first",
      scope: "documents:read",
      query: BatchListQuery,
      answers: { 200: { description: "A page", schema: list(Batch) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor } }) {
        const place = decodeCursor("batches", null, TimePlace, cursor);
        const { items, next } = await store.reading.batches(scope, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("batches", null, next) } };
      },
    }),
    operation({
      method: "get",
      path: "/v1/batches/{id}",
      tag: "batches",
      summary: "A batch: counts by status, rate, and time left",
      scope: "documents:read",
      answers: { 200: { description: "The batch", schema: Batch } },
      async handle({ scope, id }) {
        return { status: 200, body: await store.reading.batch(scope, id) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/batches/{id}/seal",
      tag: "batches",
      summary: summaries.seal,
      scope: "documents:write",
      body: SealBatch,
      example: { expected: 12_000 },
      idempotency: "replay",
      answers,
      handle: ({ scope, id, body }) => act(scope, id, "seal", body.expected),
    }),
    ...batchActions
      .filter((action) => action !== "seal")
      .map((action) =>
        operation({
          method: "post",
          path: `/v1/batches/{id}/${action}`,
          tag: "batches",
          summary: summaries[action],
          scope: "documents:write",
          idempotency: "replay",
          answers,
          problems: action === "retry" ? ["batch_closed"] : [],
          handle: ({ scope, id }) => act(scope, id, action),
        }),
      ),
  ];
}
