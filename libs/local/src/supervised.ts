import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Supervised {
  readonly name: string;
  /** Starts it and returns when it is ready; restarts it whenever it dies, until destroyed. */
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL when the grace period is over. Idempotent. */
  destroy(): Promise<void>;
  pid(): number | undefined;
  restarts(): number;
}

const firstDelayMs = 200;
const lastDelayMs = 5_000;
/** A process that lived this long was well: the next restart is quick again. */
const wellMs = 10_000;

/** Keeps one child process running. `ready` resolves when it is of use; a first start that fails is thrown. */
export function supervise(options: {
  name: string;
  spawn: () => ChildProcess;
  ready: (child: ChildProcess) => Promise<void>;
  graceMs: number;
  say: (line: string) => void;
}): Supervised {
  const { name, say } = options;
  let child: ChildProcess | undefined;
  let restarts = 0;
  let stopping = false;
  let watching: Promise<void> = Promise.resolve();
  const wake = new AbortController();

  const exited = (process: ChildProcess) =>
    new Promise<void>((resolve) => {
      if (process.exitCode !== null || process.signalCode !== null) resolve();
      else {
        process.once("exit", () => resolve());
        process.once("error", () => resolve());
      }
    });
  const launch = async () => {
    const started = options.spawn();
    child = started;
    const died = exited(started).then(() => {
      throw new Error(`${name} ended before it was ready`);
    });
    await Promise.race([options.ready(started), died]);
    died.catch(() => {});
  };
  const watch = async () => {
    let delay = firstDelayMs;
    while (!stopping) {
      const since = Date.now();
      const current = child;
      if (current !== undefined) await exited(current);
      if (stopping) return;
      if (Date.now() - since > wellMs) delay = firstDelayMs;
      say(`${name} ended (${current?.signalCode ?? current?.exitCode ?? "not started"}), starting it again`);
      await sleep(delay, undefined, { signal: wake.signal }).catch(() => {});
      delay = Math.min(lastDelayMs, delay * 2);
      if (stopping) return;
      restarts += 1;
      await launch().catch(() => {});
    }
  };

  return {
    name,
    async start() {
      await launch();
      watching = watch();
    },
    async destroy() {
      stopping = true;
      wake.abort();
      if (child !== undefined) {
        child.kill("SIGTERM");
        const current = child;
        const timer = setTimeout(() => current.kill("SIGKILL"), options.graceMs);
        await exited(current);
        clearTimeout(timer);
      }
      await watching;
    },
    pid: () => child?.pid,
    restarts: () => restarts,
  };
}
