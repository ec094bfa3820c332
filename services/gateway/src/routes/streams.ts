import type { GatewayContext } from "../context.js";
import { streamBatch } from "../events/batch-stream.js";
import { streamDocument } from "../events/document-stream.js";
import { type Operation, operation } from "../http/operation.js";

const answers = { 200: { description: "Server-sent events", mediaType: "text/event-stream" } };

/** Status as it changes, as server-sent events. */
export function streamOperations(context: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/documents/{id}/stream",
      tag: "streams",
      summary: "A document's status as it changes",
      description:
        "`status` (a Document) at first and at the end, `progress` (StreamProgress) for each event, `end` (StreamEnd) when the document is final. With Last-Event-ID the events since are sent first: none is missed.",
      scope: "documents:read",
      answers,
      async handle(call) {
        await streamDocument(context, call);
        return undefined;
      },
    }),
    operation({
      method: "get",
      path: "/v1/batches/{id}/stream",
      tag: "streams",
      summary: "A batch's progress as it changes",
      description:
        "`status` (a Batch) at first and at most every second while it changes, `progress` (StreamProgress) for each event of its ingestions, `end` (StreamEnd) when it is complete. A reader that comes back gets the batch anew.",
      scope: "documents:read",
      answers,
      async handle(call) {
        await streamBatch(context, call);
        return undefined;
      },
    }),
  ];
}
