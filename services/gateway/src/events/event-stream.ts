import type { StreamEnd } from "@sluice/contracts";
import type { EventCursor } from "@sluice/store";
import type { Request, Response } from "express";
import { exchangeOf } from "../http/exchange.js";

/** Server-sent events to one reader. */
export interface EventStream {
  send(event: "status" | "progress" | "end", data: unknown, id?: string): void;
  /** Says why, and closes. */
  end(reason: StreamEnd["reason"]): void;
  /** Aborted when the reader is gone or the stream has ended. */
  readonly closed: AbortSignal;
}

const heartbeatMs = 15_000;
/** What may wait for a reader. One that has more waiting is cut off; it comes back with Last-Event-ID. */
const maxWaiting = 1024 * 1024;

/** The streams that are open, so that they can be told when the gateway stops. */
export interface EventStreams {
  open(response: Response): EventStream;
  endAll(): void;
}

export function createEventStreams(): EventStreams {
  const streams = new Set<EventStream>();
  return {
    open(response) {
      const stream = openStream(response);
      streams.add(stream);
      stream.closed.addEventListener("abort", () => streams.delete(stream));
      return stream;
    },
    endAll() {
      for (const stream of [...streams]) stream.end("stopping");
    },
  };
}

function openStream(response: Response): EventStream {
  const closed = new AbortController();
  exchangeOf(response).stream = true;
  response.status(200).set({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  const write = (text: string) => {
    if (closed.signal.aborted) return;
    response.write(text);
    if (response.writableLength > maxWaiting) response.destroy();
  };
  const heartbeat = setInterval(() => write(":\n\n"), heartbeatMs);
  response.once("close", () => {
    clearInterval(heartbeat);
    closed.abort();
  });
  write("retry: 2000\n\n");
  const send: EventStream["send"] = (event, data, id) => {
    const name = id === undefined ? "" : `id: ${id}\n`;
    write(`event: ${event}\n${name}data: ${JSON.stringify(data)}\n\n`);
  };
  return {
    send,
    end(reason) {
      send("end", { reason } satisfies StreamEnd);
      if (!closed.signal.aborted) response.end();
      clearInterval(heartbeat);
      closed.abort();
    },
    closed: closed.signal,
  };
}

/** The place of what a reader saw last, by Last-Event-ID (`<transaction>.<row>`); null for none or one that is not ours. */
export function lastSeen(request: Request): EventCursor | null {
  const [, xid, row] = /^(\d{1,19})\.(\d{1,15})$/.exec(request.get("last-event-id") ?? "") ?? [];
  return xid === undefined ? null : { xid, id: Number(row) };
}

/** Whether an event comes after a place in the order of events. */
export function isAfter(event: EventCursor, place: EventCursor | null): boolean {
  if (place === null) return true;
  const [own, other] = [BigInt(event.xid), BigInt(place.xid)];
  return own > other || (own === other && event.id > place.id);
}
