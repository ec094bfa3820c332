import { readdir, readFile } from "node:fs/promises";

/**
 * Resident memory of a process and of all that it started, in megabytes; 0 where the system does not tell (it has no /proc, or
 * the process is gone).
 */
export async function residentMegabytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const [own, children] = await Promise.all([ownMegabytes(pid), childrenOf(pid)]);
  const below = await Promise.all(children.map(residentMegabytes));
  return below.reduce((sum, each) => sum + each, own);
}

/** Resident memory of a process alone: a glance, where `residentMegabytes` looks through all its threads. */
export async function ownMegabytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

/** A process is listed with the thread that started it. */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}
