import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createScratch } from "./scratch.js";

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "sluice-scratch-"));
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** A process that has ended and whose parent does not ask how. */
async function zombie(): Promise<{ pid: number; parent: ChildProcess }> {
  const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 600"], { stdio: ["ignore", "pipe", "ignore"] });
  const [text] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(String(text).trim());
  while (!readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")) await sleep(10);
  return { pid, parent };
}

test("originals that a dead process has left are removed, those of a living one are not", async () => {
  for (const name of [String(process.ppid), "999999999", "not-a-number"]) await mkdir(join(base, name));
  await createScratch(base).start();
  expect((await readdir(base)).sort()).toEqual([String(process.pid), String(process.ppid)].sort());
});

// Only Linux says what state a process is in.
(existsSync("/proc/self/stat") ? test : test.skip)(
  "a process that has ended counts as dead before its parent asks",
  async () => {
    const { pid, parent } = await zombie();
    try {
      await mkdir(join(base, String(pid)));
      await createScratch(base).start();
      expect(await readdir(base)).toEqual([String(process.pid)]);
    } finally {
      parent.kill();
      await once(parent, "exit");
    }
  },
);
