import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  cpuSeconds: number;
  peakMb: number;
}

const ticksPerSecond = 100;

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Parent and CPU seconds of a process, those of its children that have ended included; undefined when it is gone. */
function stat(pid: number): { parent: number; cpuSeconds: number } | undefined {
  // The command name is in brackets and may hold spaces.
  const fields = read(pid, "stat").split(") ").at(-1)?.split(" ");
  if (fields === undefined || fields.length < 15) return undefined;
  const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
  return { parent: Number(fields[1]), cpuSeconds: ticks / ticksPerSecond };
}

function peakKb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(read(pid, "status"))?.[1] ?? 0);
}

/** Peak memory of the largest of the processes that a process started itself (Linux). */
export function peakMbBelow(pid: number): number {
  const children = readdirSync("/proc")
    .map(Number)
    .filter((each) => each > 0 && stat(each)?.parent === pid);
  return Math.round(Math.max(0, ...children.map(peakKb)) / 1024);
}

/** CPU seconds and peak memory of processes by name, each with its descendants (Linux). */
export function usage(pids: Record<string, number>): Record<string, Usage> {
  const all = new Map(
    readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0)
      .flatMap((pid) => {
        const entry = stat(pid);
        return entry === undefined ? [] : [[pid, entry] as const];
      }),
  );
  const below = (pid: number): number[] => [
    pid,
    ...[...all].filter(([, entry]) => entry.parent === pid).flatMap(([child]) => below(child)),
  ];
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => {
      const family = below(pid);
      const familyKb = family.map(peakKb).reduce((sum, each) => sum + each, 0);
      const cpuSeconds = family.reduce((sum, each) => sum + (all.get(each)?.cpuSeconds ?? 0), 0);
      return [name, { cpuSeconds: Math.round(cpuSeconds * 10) / 10, peakMb: Math.round(familyKb / 1024) }];
    }),
  );
}
