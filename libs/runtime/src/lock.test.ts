import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { LockedError, takeLock } from "./lock.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a lock is held by one, and is free when it is released", async () => {
  const file = join(folder, "lock");
  const lock = await takeLock(file);
  await expect(takeLock(file)).rejects.toThrow(LockedError);
  await lock.release();
  await (await takeLock(file)).release();
});

test("a lock whose holder is gone is taken over, also when another process has its number", async () => {
  const file = join(folder, "lock");
  await writeFile(file, "999999999 1\n");
  await (await takeLock(file)).release();
  await writeFile(file, `${process.pid} 1\n`);
  await (await takeLock(file)).release();
});

test("of many that find a stale lock, one takes it", async () => {
  const file = join(folder, "lock");
  await writeFile(file, "999999999 1\n");
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(file)));
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});
