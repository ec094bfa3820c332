import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Section } from "@sluice/contracts";
import { parseInPool, temporaryFile } from "../testing/collect.js";
import { ParserPool, type PoolOptions } from "./parser-pool.js";

const script = new URL("../testing/misbehaving-worker.js", import.meta.url);
const pools: ParserPool[] = [];

function newPool(options: Partial<PoolOptions> = {}): ParserPool {
  const pool = new ParserPool({ script, ...options });
  pools.push(pool);
  return pool;
}

async function run(pool: ParserPool, order: string, signal?: AbortSignal) {
  return parseInPool(pool, await temporaryFile(order), signal);
}

async function pidOf(pool: ParserPool): Promise<number> {
  return JSON.parse((await run(pool, "report")).text).pid;
}

function children(): string {
  return execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" });
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
  expect(children()).not.toContain("misbehaving-worker");
});

describe("a file that misbehaves costs one error and the next is parsed", () => {
  test.each([
    ["hangs", "hang", { timeoutMs: 500 }, "limit_time"],
    ["never answers", "wait", { timeoutMs: 500 }, "limit_time"],
    ["fills the heap", "fill the heap", { memoryMb: 128 }, "limit_memory"],
    ["fills memory outside the heap", "fill buffers", { memoryMb: 192 }, "limit_memory"],
    ["crashes its process", "crash", {}, "parser_crashed"],
    ["throws", "throw", {}, "internal_error"],
    ["is found damaged", "fail", {}, "document_corrupt"],
  ])("when it %s", async (_what, order, options, code) => {
    const pool = newPool(options);
    await expect(run(pool, order)).rejects.toMatchObject({ name: "SluiceError", code });
    expect((await run(pool, "report")).sections).toHaveLength(1);
  });
});

test("nothing of a document is in an error", async () => {
  const error = await run(newPool(), "throw").catch((caught: Error) => caught);
  expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain("Miller");
});

test("the process sees none of the service's environment", async () => {
  const { environment } = JSON.parse((await run(newPool(), "report")).text);
  expect(environment).toEqual(["TZ"]);
});

test("a process is reused, also after a file it reported as damaged", async () => {
  const pool = newPool();
  const pid = await pidOf(pool);
  await expect(run(pool, "fail")).rejects.toMatchObject({ code: "document_corrupt" });
  expect(await pidOf(pool)).toBe(pid);
});

test("a process is replaced after its share of documents", async () => {
  const pool = newPool({ maxDocuments: 2 });
  const pids = [await pidOf(pool), await pidOf(pool), await pidOf(pool)];
  expect(pids[1]).toBe(pids[0]);
  expect(pids[2]).not.toBe(pids[0]);
});

test("the parser waits until a batch is taken, and batches are bounded", async () => {
  const { file, scratchDir } = await temporaryFile("flood");
  const batches: Section[][] = [];
  let open = 0;
  const sink = {
    sections: async (batch: Section[]) => {
      expect(open).toBe(0);
      open += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      open -= 1;
      batches.push(batch);
    },
    pages: async () => {},
    child: async () => {},
  };
  await newPool().parse({ file, scratchDir, declaredType: null }, sink);
  // The summary is the fixture's; what matters is that all arrived.
  expect(batches.flat().map((section) => section.ordinal)).toEqual(Array.from({ length: 60 }, (_, index) => index));
  expect(Math.max(...batches.map((batch) => batch.map((section) => section.text).join("").length))).toBeLessThan(
    262_144,
  );
});

test("a failing sink ends the parse with the sink's error", async () => {
  const { file, scratchDir } = await temporaryFile("flood");
  const pool = newPool();
  const failing = async () => {
    throw new Error("the database is gone");
  };
  const job = { file, scratchDir, declaredType: null };
  const sink = { sections: failing, pages: failing, child: failing };
  await expect(pool.parse(job, sink)).rejects.toThrow("the database is gone");
  expect((await run(pool, "report")).sections).toHaveLength(1);
});

test("an aborted parse ends with the signal's reason, one that waits too", async () => {
  const pool = newPool();
  const stop = new AbortController();
  const first = run(pool, "wait", stop.signal);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const second = run(pool, "report", stop.signal);
  const third = run(pool, "report");
  setTimeout(() => stop.abort(new Error("cancelled")), 200);
  const ends = await Promise.allSettled([first, second]);
  expect(ends).toMatchObject([{ reason: { message: "cancelled" } }, { reason: { message: "cancelled" } }]);
  expect((await third).sections).toHaveLength(1);
});

test("more files than processes take turns", async () => {
  const pool = newPool({ size: 2 });
  const results = await Promise.all(Array.from({ length: 12 }, () => pidOf(pool)));
  expect(results).toHaveLength(12);
  expect(new Set(results).size).toBeLessThanOrEqual(2);
});

test("destroying the pool ends running and waiting parses, and may be done twice", async () => {
  const pool = newPool();
  const running = run(pool, "hang");
  const waiting = run(pool, "report");
  const outcomes = Promise.allSettled([running, waiting]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await pool.destroy();
  await pool.destroy();
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
});
