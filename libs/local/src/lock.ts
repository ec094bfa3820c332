import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
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

/** When a process began, so that another one under the same number is not taken for it; empty where /proc is missing. */
async function beginning(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The 22nd field; the second one, the name in parentheses, may hold blanks.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function holderOf(content: string): Promise<number | undefined> {
  const [pid = 0, began = ""] = content.trim().split(" ");
  const holder = Number(pid);
  if (!(holder > 0) || !isAlive(holder)) return undefined;
  return (await beginning(holder)) === began ? holder : undefined;
}

async function tryLock(file: string, content: string): Promise<number | undefined> {
  const draft = `${file}.${randomUUID()}`;
  try {
    for (;;) {
      await writeFile(draft, content, { mode: 0o600 });
      // A link is made with its content or not at all: nobody reads a lock that is still empty.
      const taken = await link(draft, file).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return false;
          throw error;
        },
      );
      if (taken) return undefined;
      const found = await readFile(file, "utf8").catch(() => "");
      const holder = await holderOf(found);
      if (holder !== undefined) return holder;
      if (found === "") continue;
      // Stale. It is moved, not removed: if it was another's new lock by now, it is put back.
      await rename(file, draft).catch(() => {});
      if ((await readFile(draft, "utf8").catch(() => found)) !== found) await link(draft, file).catch(() => {});
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes a lock that is gone when its holder is. Waits for another holder up to `waitMs`, then throws a LockedError. */
export async function takeLock(file: string, waitMs = 0): Promise<{ release(): Promise<void> }> {
  const content = `${process.pid} ${await beginning(process.pid)}\n`;
  const until = Date.now() + waitMs;
  for (;;) {
    const holder = await tryLock(file, content);
    if (holder === undefined) break;
    if (Date.now() >= until) throw new LockedError(file, holder);
    await sleep(50);
  }
  return { release: () => rm(file, { force: true }) };
}
