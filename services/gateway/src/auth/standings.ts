import { createLoop, type Logger } from "@sluice/runtime";
import type { Scope, ScopeName, Store } from "@sluice/store";

/** Sees to it that what goes on for long, a stream, ends with the right to it: a key revoked, a session over, a role taken. */
export interface Standings {
  start(): void;
  /** Calls `refused` within a second of the caller's losing the scope, or the document. Answers how to stop. */
  watch(scope: Scope, wanted: Wanted, refused: () => void): () => void;
  destroy(): Promise<void>;
}

interface Wanted {
  scope: ScopeName;
  documentId?: string;
}

const everyMs = 500;

/** One question to the database for all that is open, and none while nothing is. Redis has no part in it. */
export function createStandings(options: { refused: Store["apiKeys"]["refused"]; logger: Logger }): Standings {
  const watched = new Set<Wanted & Scope & { refused: () => void }>();
  const loop = createLoop({
    name: "standings",
    everyMs,
    maxDelayMs: everyMs,
    logger: options.logger,
    async turn() {
      const all = [...watched];
      if (all.length === 0) return false;
      const items = all.map(({ refused: _, ...item }) => item);
      for (const place of await options.refused(items)) {
        const each = all[place];
        if (each !== undefined && watched.delete(each)) each.refused();
      }
      return false;
    },
  });
  return {
    start: () => loop.start(),
    watch(scope, wanted, refused) {
      const each = { ...scope, ...wanted, refused };
      watched.add(each);
      return () => void watched.delete(each);
    },
    destroy: () => loop.destroy(),
  };
}
