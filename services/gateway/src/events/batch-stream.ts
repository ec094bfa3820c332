import type { StoredEvent } from "@sluice/store";
import type { GatewayContext } from "../context.js";
import { progressOf, type StreamCall } from "./document-stream.js";
import { keepWatch } from "./keep-watch.js";

type Context = Pick<GatewayContext, "store" | "poller" | "streams" | "standings" | "logger" | "config">;

/** A batch is counted anew this often at most while things happen, and this often while nothing seems to. */
const restMs = 1_000;
const idleMs = 5_000;

/**
 * A batch as it goes: a `status` (the batch) at first and whenever it has changed, a `progress` for each event of its ingestions, and
 * `end` when it is complete. There is nothing to resume: the first `status` holds all that was missed.
 */
export async function streamBatch(context: Context, call: StreamCall): Promise<void> {
  const { store, poller, streams, logger } = context;
  const { scope, id } = call;
  const early: StoredEvent[] = [];
  let hear = (event: StoredEvent) => {
    early.push(event);
  };
  const unsubscribe = await poller.subscribe("batch", id, (event) => {
    if (event.organizationId === scope.organizationId) hear(event);
  });
  try {
    const batch = await store.reading.batch(scope, id);
    if (call.response.destroyed) return unsubscribe();
    const stream = streams.open(call.response);
    stream.closed.addEventListener("abort", unsubscribe);
    let shown = JSON.stringify(batch);
    stream.send("status", batch);
    if (batch.complete) return stream.end("finished");

    const watch = keepWatch({
      stream,
      scope,
      standings: context.standings,
      everyMs: Math.min(idleMs, context.config.http.recheckSeconds * 1_000),
      restMs,
      expiresAt: call.expiresAt,
      logger,
      look: async () => {
        const now = await store.reading.batch(scope, id);
        const text = JSON.stringify(now);
        if (text !== shown) stream.send("status", now);
        shown = text;
        if (now.complete) stream.end("finished");
      },
    });
    hear = (event) => {
      // The batch counts all of its documents; those that not everybody sees are not named.
      if (!event.restricted) stream.send("progress", progressOf(event, event.documentId));
      watch.soon();
    };
    for (const event of early) hear(event);
  } catch (error) {
    unsubscribe();
    throw error;
  }
}
