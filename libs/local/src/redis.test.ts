import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { isAlive } from "@sluice/runtime";
import { freePort } from "./ports.js";
import { askRedis, createRedis, retireStaleRedis } from "./redis.js";

const password = "a-password-of-the-test";
let folder: string;
let port: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-redis-test-"));
  port = await freePort();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const create = () => createRedis({ folder, port, password, say: () => {} });
const ask = (command: string) => askRedis(port, password, command);

test("keeps its data over a stop and over SIGKILL, on the same port", async () => {
  let redis = await create();
  await redis.start();
  await ask("SET kept 1");
  await redis.destroy();
  expect(await ask("PING")).toBeUndefined();

  redis = await create();
  await redis.start();
  expect(await ask("GET kept")).toContain("1");
  // What is appended is on disk within a second (appendfsync everysec); the file has it at once.
  const died = redis.died();
  process.kill((await redis.serverPid()) ?? 0, "SIGKILL");
  await died;
  await redis.ready();
  expect(await ask("GET kept")).toContain("1");
  expect(redis.restarts()).toBe(1);
  await redis.destroy();
});

test("never evicts, asks for the password, and shows it neither on a command line nor to other users", async () => {
  const redis = await create();
  await redis.start();
  expect(await ask("CONFIG GET maxmemory-policy")).toContain("noeviction");
  expect(await ask("CONFIG GET appendonly")).toContain("yes");
  expect(await askRedis(port, "wrong", "PING")).toBeUndefined();
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(password);
  expect((await stat(join(folder, "redis.conf"))).mode & 0o777).toBe(0o600);
  await redis.destroy();
});

test("one that a killed stack left behind is ended; one that is not ours is not", async () => {
  const first = await create();
  await first.start();
  await first.destroy();
  const stale = spawn("redis-server", [join(folder, "redis.conf")], { stdio: "ignore" });
  while ((await ask("PING")) === undefined) await sleep(20);

  const stranger = await mkdtemp(join(tmpdir(), "sluice-redis-test-"));
  await retireStaleRedis(stranger);
  expect(isAlive(stale.pid ?? 0)).toBe(true);
  const over = new Promise((resolve) => stale.once("exit", resolve));
  expect(Number(await readFile(join(folder, "redis.pid"), "utf8"))).toBe(stale.pid);
  await retireStaleRedis(folder);
  await over;
  expect(await ask("PING")).toBeUndefined();
  await rm(stranger, { recursive: true });
});
