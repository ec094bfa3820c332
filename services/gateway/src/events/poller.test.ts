import { afterEach, describe, expect, it } from "@jest/globals";
import { createLogger } from "@sluice/runtime";
import type { EventCursor, StoredEvent } from "@sluice/store";
import { createEventPoller, type EventPoller } from "./poller.js";

const logger = createLogger("test", { destination: { write: () => {} } });
const event = (id: number, documentId: string, batchId: string | null = null): StoredEvent => ({
  xid: "7",
  id,
  organizationId: "o",
  documentId,
  ingestionId: "i",
  batchId,
  kind: "advanced",
  status: "parsed",
  stage: "parse",
  generation: 1,
  attempt: 0,
  durationMs: 1,
  code: null,
  at: "2024-01-01T00:00:00Z",
  restricted: false,
});

/** A database's events, with how often they were asked for. */
function createEvents() {
  const written: StoredEvent[] = [];
  const asked: (EventCursor | null)[] = [];
  let nudge = () => {};
  return {
    asked,
    write(...events: StoredEvent[]) {
      written.push(...events);
      nudge();
    },
    source: {
      async eventsSince(cursor: EventCursor | null) {
        asked.push(cursor);
        // The greatest bigint, as the database answers it.
        if (cursor === null) return { xid: "6", id: 2 ** 63, events: [] };
        const events = written.filter(
          ({ xid, id }) => BigInt(xid) > BigInt(cursor.xid) || (xid === cursor.xid && id > cursor.id),
        );
        return { xid: events.at(-1)?.xid ?? cursor.xid, id: events.at(-1)?.id ?? cursor.id, events };
      },
      onNudge(listener: () => void) {
        nudge = listener;
        return () => {};
      },
    },
  };
}

describe("the event poller", () => {
  let poller: EventPoller;
  afterEach(() => poller.destroy());

  it("tells each listener its own, once and in order, as soon as it is nudged", async () => {
    const { source, write } = createEvents();
    poller = createEventPoller({ ...source, logger });
    poller.start();
    const [first, batch]: [number[], number[]] = [[], []];
    await poller.subscribe("document", "d1", ({ id }) => first.push(id));
    await new Promise<void>((resolve, reject) => {
      poller
        .subscribe("batch", "b1", ({ id }) => {
          batch.push(id);
          if (id === 4) resolve();
        })
        .then(() => write(event(1, "d1", "b1"), event(2, "d2"), event(3, "d1"), event(4, "d2", "b1")), reject);
    });
    expect([first, batch]).toEqual([
      [1, 3],
      [1, 4],
    ]);
  });

  it("asks for nothing while nobody listens, and never for a place that is no number", async () => {
    const { source, asked } = createEvents();
    poller = createEventPoller({ ...source, logger });
    poller.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([]);
    const unsubscribe = await poller.subscribe("document", "d1", () => {});
    unsubscribe();
    expect(asked).toEqual([null]);
    await poller.subscribe("document", "d1", () => {});
    for (const cursor of asked) expect(cursor === null || Number.isSafeInteger(cursor.id)).toBe(true);
  });

  it("does not let somebody listen who would miss events", async () => {
    const { source } = createEvents();
    poller = createEventPoller({ ...source, eventsSince: () => Promise.reject(new Error("down")), logger });
    await expect(poller.subscribe("document", "d1", () => {})).rejects.toThrow("down");
  });
});
