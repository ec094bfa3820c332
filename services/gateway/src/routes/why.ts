import { tell, tellNow, Why } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** Events a story is told of, at most: the last ones. */
const most = 200;
const page = 500;

/** A document's whole story, and what to do now. */
export function whyOperations({ store }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/documents/{id}/why",
      tag: "documents",
      summary: "Why a document is where it is: its story, what it waits for, and what to do now",
      scope: "documents:read",
      answers: { 200: { description: "The story, oldest first", schema: Why } },
      async handle({ scope, id }) {
        const { document, waits } = await store.operations.why(scope, id);
        let events = await store.reading.events(scope, id, null, page);
        for (let last = events; last.length === page; ) {
          const at = last.at(-1);
          if (at === undefined) break;
          last = await store.reading.events(scope, id, { xid: at.xid, id: at.id }, page);
          events = [...events, ...last].slice(-most);
        }
        const story = events.slice(-most).map((event) => {
          const { at, kind, stage, worker, code } = event;
          return { at, kind, stage, worker, code, text: tell(event) };
        });
        return { status: 200, body: { document, waits, now: tellNow(document, waits), story } };
      },
    }),
  ];
}
