import { errorFields, type Logger } from "./log.js";

export interface Loop {
  start(): void;
  /** Runs the next turn now instead of waiting for its time. */
  nudge(): void;
  /** Ends after the turn under way. Idempotent. */
  destroy(): Promise<void>;
}

/**
 * Runs `turn` again and again with `everyMs` between turns, one at a time. A turn that throws is logged and the loop goes on,
 * waiting longer each time up to `maxDelayMs` (`everyMs` where that is longer); a turn that answers `true` has more to do and is followed at once.
 */
export function createLoop(options: {
  name: string;
  everyMs: number;
  /** Least time between turns when nudged. */
  restMs?: number;
  maxDelayMs?: number;
  logger: Logger;
  turn: (signal: AbortSignal) => Promise<boolean | undefined>;
}): Loop {
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  let nudged = false;
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (stop.signal.aborted) wake();
      else if (nudged) wakeSoon();
    });
  const wakeSoon = () => setTimeout(() => wake?.(), options.restMs ?? 0);
  const run = async () => {
    let failures = 0;
    while (!stop.signal.aborted) {
      let more: boolean | undefined = false;
      nudged = false;
      try {
        more = await options.turn(stop.signal);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!stop.signal.aborted) options.logger.warn("loop.failed", { loop: options.name, ...errorFields(error) });
      }
      if (stop.signal.aborted) return;
      if (more !== true) {
        const longest = Math.max(options.everyMs, options.maxDelayMs ?? 15_000);
        await wait(Math.min(longest, options.everyMs * 2 ** Math.min(failures, 10)));
      }
    }
  };
  return {
    start() {
      running ??= run();
    },
    nudge() {
      if (!nudged) wakeSoon();
      nudged = true;
    },
    async destroy() {
      stop.abort();
      wake?.();
      await running;
    },
  };
}
