import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { isAlive } from "@sluice/runtime";
import { supervise } from "./supervised.js";

const node = (script: string) =>
  spawn(process.execPath, ["-e", script], { detached: true, stdio: ["ignore", "pipe", "ignore"] });

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20);
}

test("starts again what died, and leaves neither it nor its children behind", async () => {
  let grandchild = 0;
  const supervised = supervise({
    name: "test",
    graceMs: 5_000,
    say: () => {},
    spawn: () =>
      node(
        "const c = require('node:child_process').spawn('sleep', ['1000'], { stdio: 'ignore' }); console.log(c.pid); setInterval(() => {}, 1e6)",
      ),
    async ready(child) {
      if (child.stdout === null) throw new Error("no output");
      const [text] = await once(child.stdout, "data");
      grandchild = Number(String(text));
    },
  });
  await supervised.start();
  const [first, firstGrandchild] = [supervised.pid() ?? 0, grandchild];
  const died = supervised.died();
  process.kill(first, "SIGKILL");
  await died;
  await supervised.ready();
  await gone(firstGrandchild);
  expect(supervised.pid()).not.toBe(first);
  expect(supervised.restarts()).toBe(1);

  await Promise.all([supervised.destroy(), supervised.destroy()]);
  await gone(grandchild);
  expect(isAlive(supervised.pid() ?? 0)).toBe(false);
});

test("a first start that fails is thrown, one that hangs is given up with destroy", async () => {
  const failing = supervise({
    name: "failing",
    graceMs: 1_000,
    say: () => {},
    spawn: () => node("process.exit(2)"),
    ready: () => new Promise(() => {}),
  });
  await expect(failing.start()).rejects.toThrow("failing ended before it was ready");
  await failing.destroy();

  const hanging = supervise({
    name: "hanging",
    graceMs: 200,
    say: () => {},
    spawn: () => node("process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6)"),
    ready: () => new Promise(() => {}),
  });
  const started = expect(hanging.start()).rejects.toThrow("hanging ended");
  await sleep(200);
  await hanging.destroy();
  await started;
});

test("when the stack is killed, Redis and Supabase go too", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-orphan-"));
  const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `
    const { createRedis } = await import(${at("./redis.js")});
    const { createEmbeddedSupabase } = await import(${at("./embedded-supabase.js")});
    const { newSecrets } = await import(${at("./home.js")});
    const { freePort } = await import(${at("./ports.js")});
    const say = () => {};
    const folder = ${JSON.stringify(folder)};
    const redis = await createRedis({ folder: folder + "/redis", port: await freePort(), password: "x", say });
    const supabase = createEmbeddedSupabase({ folder, socketFolder: null, port: await freePort(), secrets: newSecrets(), say });
    await Promise.all([redis.start(), supabase.start()]);
    console.log(JSON.stringify([await redis.serverPid(), redis.pid(), supabase.pid()]));`;
  const stack = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await once(stack.stdout, "data");
  const pids = JSON.parse(String(text)) as number[];
  expect(pids).toHaveLength(3);
  expect(pids.every(isAlive)).toBe(true);
  stack.kill("SIGKILL");
  await Promise.all(pids.map(gone));
  await rm(folder, { recursive: true, force: true });
});
