import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Supervised {
  readonly name: string;
  /** Starts it and returns when it is ready; restarts it whenever it dies, until destroyed. */
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL when the grace period is over. Idempotent. */
  destroy(): Promise<void>;
  /** Returns when it is ready, also when it was started again. */
  ready(): Promise<void>;
  /** Returns when it dies the next time. */
  died(): Promise<void>;
  pid(): number | undefined;
  restarts(): number;
}

const firstDelayMs = 200;
const lastDelayMs = 5_000;
/** A process that lived this long was well: the next restart is quick again. */
const wellMs = 10_000;
/** Nothing takes this long to start. */
const startMs = 120_000;

function latch(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

/** Ends what is left of a child's process group, so that its own children go with it. */
function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

/**
 * Keeps one child process running. `ready` resolves when it is of use; a first start that fails is thrown. Children are to be spawned
 * `detached`: then Ctrl-C in a terminal reaches the stack alone, which stops them in its own order.
 */
export function supervise(options: {
  name: string;
  spawn: () => ChildProcess;
  ready: (child: ChildProcess) => Promise<void>;
  graceMs: number;
  say: (line: string) => void;
}): Supervised {
  const { name, say } = options;
  let child: ChildProcess | undefined;
  let isReady = latch();
  let isDead = latch();
  let restarts = 0;
  let stopping: Promise<void> | undefined;
  let watching: Promise<void> = Promise.resolve();
  const wake = new AbortController();

  const launch = async () => {
    const started = options.spawn();
    child = started;
    const over = new AbortController();
    const died = exited(started).then(() => {
      throw new Error(`${name} ended before it was ready`);
    });
    const late = sleep(startMs, undefined, { signal: over.signal, ref: false }).then(() => {
      started.kill("SIGKILL");
      throw new Error(`${name} was not ready in ${startMs / 1000} s`);
    });
    died.catch(() => {});
    late.catch(() => {});
    await Promise.race([options.ready(started), died, late]).finally(() => over.abort());
    isReady.open();
  };
  const watch = async () => {
    let delay = firstDelayMs;
    let since = performance.now();
    for (;;) {
      const current = child;
      if (current !== undefined) {
        await exited(current);
        endGroup(current);
      }
      if (stopping !== undefined) return;
      isReady = latch();
      isDead.open();
      isDead = latch();
      if (performance.now() - since > wellMs) delay = firstDelayMs;
      say(`${name} ended (${current?.signalCode ?? current?.exitCode ?? "not started"}), starting it again`);
      await sleep(delay, undefined, { signal: wake.signal }).catch(() => {});
      delay = Math.min(lastDelayMs, delay * 2);
      if (stopping !== undefined) return;
      restarts += 1;
      since = performance.now();
      await launch().catch((error: Error) => say(`${error.message}`));
    }
  };
  const stop = async () => {
    wake.abort();
    const current = child;
    if (current !== undefined) {
      current.kill("SIGTERM");
      const timer = setTimeout(() => endGroup(current), options.graceMs);
      await exited(current);
      clearTimeout(timer);
      endGroup(current);
    }
    await watching;
  };

  return {
    name,
    async start() {
      await launch();
      watching = watch();
    },
    destroy() {
      stopping ??= stop();
      return stopping;
    },
    ready: () => isReady.opened,
    died: () => isDead.opened,
    pid: () => child?.pid,
    restarts: () => restarts,
  };
}
