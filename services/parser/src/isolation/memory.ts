import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/**
 * Resident memory of a process and of all that it started, in megabytes; 0 where the system does not tell (it has no /proc, or
 * the process is gone).
 */
export async function residentMegabytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const below = await Promise.all((await childrenOf(pid)).map(residentMegabytes));
  return below.reduce((sum, each) => sum + each, ownMegabytes(pid));
}

/** Resident memory of a process alone: a glance, where `residentMegabytes` looks through all its threads. */
export function ownMegabytes(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    // The kernel answers from memory: waiting for it would take longer than reading does.
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** A process is listed with the thread that started it. */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}
