import { list, Queue, QueueSelection } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** What an organization has before each stage, what holds it up, and holding it up oneself. */
export function queueOperations({ store, producer }: GatewayContext): Operation[] {
  const act = (verb: "pause" | "resume", summary: string) =>
    operation({
      method: "post",
      path: `/v1/admin/queues/${verb}`,
      tag: "operations",
      summary,
      description: "Of the caller's organization alone. What is being worked on is finished.",
      scope: "admin",
      body: QueueSelection,
      example: { queues: ["embed"] },
      idempotency: "replay",
      answers: { 200: { description: "The queues as they are now", schema: list(Queue) } },
      async handle({ scope, body: { queues } }) {
        await store.operations.pauseQueues(scope, queues, verb === "pause");
        producer.nudge();
        return { status: 200, body: { items: await store.operations.queues(scope), nextCursor: null } };
      },
    });
  return [
    operation({
      method: "get",
      path: "/v1/admin/queues",
      tag: "operations",
      summary: "What waits before each stage, and what holds it up",
      scope: "admin",
      answers: { 200: { description: "The queues, in the order of the stages", schema: list(Queue) } },
      async handle({ scope }) {
        return { status: 200, body: { items: await store.operations.queues(scope), nextCursor: null } };
      },
    }),
    act("pause", "Take nothing more from these queues"),
    act("resume", "Go on with these queues"),
  ];
}
