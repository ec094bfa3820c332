import { createLoop, type Logger } from "@sluice/runtime";
import type { EventCursor, Store, StoredEvent } from "@sluice/store";

export type EventTopic = "document" | "batch";
export type EventListener = (event: StoredEvent) => void;

/** Reads what happens to documents and tells whoever listens. One a gateway, however many listen. */
export interface EventPoller {
  start(): void;
  /** Listens from now on: when this has resolved, nothing that is committed later is missed. Answers how to stop. */
  subscribe(topic: EventTopic, id: string, listener: EventListener): Promise<() => void>;
  destroy(): Promise<void>;
}

const everyMs = 1_000;
const restMs = 50;
const pageSize = 500;

/** `onNudge` makes it look at once instead of at its next second; without nudges it is late, never wrong. */
export function createEventPoller(options: {
  eventsSince: Store["supervision"]["eventsSince"];
  onNudge: (listener: () => void) => () => void;
  logger: Logger;
}): EventPoller {
  const listeners = new Map<string, Set<EventListener>>();
  let cursor: EventCursor | null = null;
  let beginning: Promise<void> | undefined;
  let stopNudges = () => {};

  /** The place where now is. The database answers a bigint's greatest value; numbers hold less, and less is as good. */
  async function begin(): Promise<void> {
    const { xid, id } = await options.eventsSince(null);
    cursor ??= { xid, id: Math.min(id, Number.MAX_SAFE_INTEGER) };
  }
  async function begun(): Promise<void> {
    if (cursor !== null) return;
    beginning ??= begin().finally(() => {
      beginning = undefined;
    });
    await beginning;
  }

  const loop = createLoop({
    name: "events",
    everyMs,
    restMs,
    maxDelayMs: 5_000,
    logger: options.logger,
    turn: async () => {
      if (listeners.size === 0) {
        cursor = null;
        return false;
      }
      await begun();
      const page = await options.eventsSince(cursor, pageSize);
      // Nobody listened meanwhile and somebody does again: the place has been taken anew.
      if (page.events.length > 0) cursor = { xid: page.xid, id: page.id };
      for (const event of page.events) {
        tell("document", event.documentId, event);
        if (event.batchId !== null) tell("batch", event.batchId, event);
      }
      return page.events.length === pageSize;
    },
  });

  function tell(topic: EventTopic, id: string, event: StoredEvent): void {
    for (const listener of listeners.get(`${topic}/${id}`) ?? []) listener(event);
  }

  return {
    start() {
      stopNudges = options.onNudge(() => {
        if (listeners.size > 0) loop.nudge();
      });
      loop.start();
    },
    async subscribe(topic, id, listener) {
      const key = `${topic}/${id}`;
      const same = listeners.get(key) ?? new Set();
      same.add(listener);
      listeners.set(key, same);
      const unsubscribe = () => {
        same.delete(listener);
        if (same.size === 0 && listeners.get(key) === same) listeners.delete(key);
      };
      await begun().catch((error: unknown) => {
        unsubscribe();
        throw error;
      });
      return unsubscribe;
    },
    async destroy() {
      stopNudges();
      await loop.destroy();
    },
  };
}
