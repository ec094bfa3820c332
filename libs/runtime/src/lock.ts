import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Somebody else holds the lock. */
export class LockedError extends Error {
  constructor(
    readonly file: string,
    readonly pid: number,
  ) {
    super(`Process ${pid} holds ${file}.`);
    this.name = "LockedError";
  }
}

/** What Linux says of a process: its state and when it began. */
function look(pid: number): { state: string; began: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the name in parentheses, may hold blanks.
    const [state = "", ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, began: rest[18] ?? "" };
  } catch {
    return undefined;
  }
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return look(pid)?.state !== "Z";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The number and the beginning: another process under the same number is not taken for it. */
const identity = () => `${process.pid} ${look(process.pid)?.began ?? ""}\n`;

function holderOf(content: string): number | undefined {
  const [pid = 0, began = ""] = content.trim().split(" ");
  const holder = Number(pid);
  if (!(holder > 0) || !isAlive(holder)) return undefined;
  return (look(holder)?.began ?? "") === began ? holder : undefined;
}

const read = (file: string) => readFile(file, "utf8").catch(() => undefined);

/** Makes a file with its content or not at all, so that nobody reads it empty. False where there is one. */
async function make(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes a stale lock. One at a time, and only if it is still that one: else a new one would be removed in its place. */
async function clear(file: string, stale: string): Promise<void> {
  const turn = `${file}.clearing`;
  if (!(await make(turn, identity()))) {
    const other = await read(turn);
    if (other !== undefined && holderOf(other) === undefined) await rm(turn, { force: true });
    return;
  }
  try {
    if ((await read(file)) === stale) await rm(file, { force: true });
  } finally {
    await rm(turn, { force: true });
  }
}

/** Takes a lock that is gone when its holder is. Waits for another holder up to `waitMs`, then throws a LockedError. */
export async function takeLock(file: string, waitMs = 0): Promise<{ release(): Promise<void> }> {
  const until = performance.now() + waitMs;
  while (!(await make(file, identity()))) {
    const found = await read(file);
    if (found === undefined) continue;
    const holder = holderOf(found);
    if (holder === undefined) await clear(file, found);
    else if (performance.now() >= until) throw new LockedError(file, holder);
    else await sleep(50);
  }
  return { release: () => rm(file, { force: true }) };
}
