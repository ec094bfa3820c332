import { SluiceError } from "@sluice/contracts";
import { errorFields, type Logger } from "@sluice/runtime";
import type { Scope } from "@sluice/store";
import type { Standings } from "../auth/standings.js";
import type { EventStream } from "./event-stream.js";

/**
 * Calls `look` when asked to and at least every `everyMs`, one at a time and no more often than every `restMs`, until the stream has
 * ended. Each look goes through a function that checks the caller again, and between looks the caller's standing is watched: a key that
 * was revoked ends the stream within a second.
 */
export function keepWatch(options: {
  stream: EventStream;
  scope: Scope;
  /** Where it is about one, which its reader may cease to see. */
  documentId?: string;
  standings: Pick<Standings, "watch">;
  everyMs: number;
  restMs: number;
  expiresAt: Date | null;
  logger: Logger;
  look: () => Promise<void>;
}): { soon(): void } {
  const { stream } = options;
  let looking = false;
  let asked = false;
  let last = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const plan = (ms: number) => {
    clearTimeout(timer);
    if (!stream.closed.aborted) timer = setTimeout(look, Math.max(0, ms));
  };
  async function look(): Promise<void> {
    looking = true;
    asked = false;
    last = performance.now();
    await options.look().catch((error: unknown) => {
      const code = error instanceof SluiceError ? error.code : "internal_error";
      if (code === "forbidden") stream.end("refused");
      else if (code === "not_found") stream.end("deleted");
      // An outage: the next look may find it over.
      else options.logger.warn("stream.look_failed", errorFields(error));
    });
    looking = false;
    plan(asked ? options.restMs : options.everyMs);
  }
  plan(options.everyMs);
  const { expiresAt } = options;
  const expiry =
    expiresAt === null
      ? undefined
      : setTimeout(() => stream.end("expired"), Math.min(2 ** 31 - 1, expiresAt.getTime() - Date.now()));
  const wanted = { scope: "documents:read" as const, documentId: options.documentId };
  const unwatch = options.standings.watch(options.scope, wanted, () => stream.end("refused"));
  stream.closed.addEventListener("abort", () => {
    unwatch();
    clearTimeout(timer);
    clearTimeout(expiry);
  });
  return {
    soon() {
      if (asked) return;
      asked = true;
      if (!looking) plan(last + options.restMs - performance.now());
    },
  };
}
