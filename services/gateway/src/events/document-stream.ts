import { type Document, finalStatuses, type StreamProgress } from "@sluice/contracts";
import type { EventCursor, Scope, StoredEvent } from "@sluice/store";
import type { Request, Response } from "express";
import type { GatewayContext } from "../context.js";
import { isAfter, lastSeen } from "./event-stream.js";
import { keepWatch } from "./keep-watch.js";

type Context = Pick<GatewayContext, "store" | "poller" | "streams" | "standings" | "logger" | "config">;
export interface StreamCall {
  scope: Scope;
  id: string;
  expiresAt: Date | null;
  request: Request;
  response: Response;
}

type Told = Omit<StreamProgress, "documentId"> & EventCursor;

const pageSize = 500;
const isFinal = (status: string) => finalStatuses.some((final) => final === status);

/**
 * A document's life as it happens: a `status` (the document), the events since Last-Event-ID, then events as they come; a final one is
 * followed by the document as it became and by `end`. Events come once each and in their one order, however they are learned of: the
 * place of the last one told says which are left.
 */
export async function streamDocument(context: Context, call: StreamCall): Promise<void> {
  const { store, poller, streams, logger } = context;
  const { scope, id } = call;
  const early: StoredEvent[] = [];
  let hear = (event: StoredEvent) => {
    early.push(event);
  };
  const unsubscribe = await poller.subscribe("document", id, (event) => {
    if (event.organizationId === scope.organizationId) hear(event);
  });
  try {
    const seen = lastSeen(call.request);
    const missed = await since(seen);
    let document: Document | undefined = await store.reading.document(scope, id).catch((error: unknown) => {
      // A reader that comes back to a document that is gone is told of its end.
      if (seen === null || missed.at(-1)?.status !== "deleted") throw error;
      return undefined;
    });
    if (call.response.destroyed) return unsubscribe();

    const stream = streams.open(call.response);
    stream.closed.addEventListener("abort", unsubscribe);
    let last: EventCursor | null = seen ?? missed.at(-1) ?? null;
    let ended = false;
    const tell = (event: Told) => {
      if (!isAfter(event, last)) return;
      last = { xid: event.xid, id: event.id };
      stream.send("progress", progressOf(event, id), `${event.xid}.${event.id}`);
      ended ||= isFinal(event.status);
    };
    const finish = async () => {
      // What ended may have been an older revision; the document knows.
      document = await store.reading.document(scope, id);
      stream.send("status", document);
      ended = false;
      if (isFinal(document.status)) stream.end("finished");
    };

    if (document !== undefined) stream.send("status", document);
    for (const event of missed) tell(event);
    if (document === undefined) return stream.end("deleted");
    if (isFinal(document.status)) return stream.end("finished");
    ended = false;

    const watch = keepWatch({
      stream,
      scope,
      documentId: id,
      standings: context.standings,
      everyMs: context.config.http.recheckSeconds * 1_000,
      restMs: 0,
      expiresAt: call.expiresAt,
      logger,
      look: async () => {
        for (const event of await since(last)) tell(event);
        if (ended) await finish();
      },
    });
    hear = (event) => {
      tell(event);
      if (ended) watch.soon();
    };
    for (const event of early) hear(event);
  } catch (error) {
    unsubscribe();
    throw error;
  }

  async function since(after: EventCursor | null) {
    const events: Awaited<ReturnType<typeof store.reading.events>> = [];
    for (;;) {
      const page = await store.reading.events(scope, id, events.at(-1) ?? after, pageSize);
      events.push(...page);
      if (page.length < pageSize) return events;
    }
  }
}

/** An event as readers see it. */
export function progressOf(event: Omit<StreamProgress, "documentId">, documentId: string): StreamProgress {
  const { id, ingestionId, kind, status, stage, generation, attempt, durationMs, code, at } = event;
  return { id, documentId, ingestionId, kind, status, stage, generation, attempt, durationMs, code, at };
}
