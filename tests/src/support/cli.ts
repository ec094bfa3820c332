import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../apps/cli/dist/main.js", import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** The lines of JSON on standard output. */
  lines: Record<string, unknown>[];
}

/** Runs `sluice` as a user would. `until`: killed without warning once the output satisfies it. `watch`: sees all that is said so far. */
export function sluice(
  home: string,
  args: string[],
  options: {
    env?: Record<string, string>;
    until?: (stdout: string) => boolean;
    watch?: (said: { stdout: string; stderr: string }) => void;
  } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      env: { PATH: process.env.PATH, SLUICE_HOME: home, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk);
      if (options.until?.(stdout)) child.kill("SIGKILL");
      options.watch?.({ stdout, stderr });
    });
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
      options.watch?.({ stdout, stderr });
    });
    child.once("close", (code) => {
      const lines = stdout.split("\n").flatMap((line) => {
        try {
          return [JSON.parse(line) as Record<string, unknown>];
        } catch {
          return [];
        }
      });
      resolve({ code, stdout, stderr, lines });
    });
  });
}
