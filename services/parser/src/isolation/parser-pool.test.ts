import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { ParsedRows, RecognisedPage, Section } from "@sluice/contracts";
import { errorFields } from "@sluice/runtime";
import { parseInPool, temporaryFile } from "../testing/collect.js";
import { ParserPool, type PoolOptions } from "./parser-pool.js";

function isAlive(pid: number): boolean {
  try {
    // A process that has ended and was not waited for by its parent still has a number.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

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

/** The misbehaving worker has a recogniser of its own, whichever is asked for. */
const engine = { name: "tesseract.js", version: "0", languages: [] } as const;

const nowhere = {
  rows: async () => {},
  child: async () => {},
  recognised: async () => null,
  keepRecognised: async () => {},
};

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
    ["falls over a fault of ours", "stumble", {}, "parser_failed"],
    ["hands on what is no row", "scribble", {}, "parser_failed"],
    ["is found damaged", "fail", {}, "document_corrupt"],
  ])("when it %s", async (_what, order, options, code) => {
    const pool = newPool(options);
    await expect(run(pool, order)).rejects.toMatchObject({ name: "SluiceError", code });
    expect((await run(pool, "report")).sections).toHaveLength(1);
  });
});

test.each(["throw", "stumble"])("nothing of a document is in an error: %s", async (order) => {
  const error = (await run(newPool(), order).catch((caught: Error) => caught)) as Error;
  const cause = error.cause as Error;
  expect(`${error.message} ${error.stack} ${cause.message} ${cause.stack}`).not.toContain("Miller");
});

test("a fault of ours is told by its name and the places in our own code", async () => {
  const error = (await run(newPool(), "stumble").catch((caught: Error) => caught)) as Error;
  expect(errorFields(error)).toMatchObject({
    errorName: "SluiceError < TypeError",
    stack: expect.stringMatching(/^at \S+ \(testing\/misbehaving-worker\.js:\d+:\d+\)/),
  });
});

test("the clock stands still while the sink is busy", async () => {
  const { file, scratchDir } = await temporaryFile("flood");
  const rows = () => new Promise<void>((resolve) => setTimeout(resolve, 400));
  const end = await newPool({ timeoutMs: 1_000 }).parse({ file, scratchDir, declaredType: null }, { ...nowhere, rows });
  expect(end.outcome).toBe("parsed");
});

test("what the process started is counted with it, and ended with it", async () => {
  const pool = newPool({ memoryMb: 512 });
  const { grandchild } = JSON.parse((await run(pool, "start another")).text);
  expect(isAlive(grandchild)).toBe(true);
  await pool.destroy();
  expect(isAlive(grandchild)).toBe(false);
  await expect(run(newPool({ memoryMb: 160 }), "start a large one")).rejects.toMatchObject({ code: "limit_memory" });
});

test("several calls may be under way, each with an answer of its own", async () => {
  const { file, scratchDir } = await temporaryFile("ask");
  const texts: string[] = [];
  const end = await newPool({ recognition: engine }).parse(
    { file, scratchDir, declaredType: null },
    {
      ...nowhere,
      rows: async ({ sections }) => void texts.push(...sections.map(({ text }) => text)),
      recognised: async ({ page }) => {
        await new Promise((resolve) => setTimeout(resolve, 60 - page * 20));
        return { kind: "ocr", text: `page ${page}`, lines: [], rotation: 0, confidence: 1 };
      },
    },
  );
  expect(end.outcome).toBe("parsed");
  expect(texts).toEqual(["page 1, page 2, nothing to tell"]);
});

test("a page that needs recognition ends the run where there is none", async () => {
  const { file, scratchDir } = await temporaryFile("recognise");
  const job = { file, scratchDir, declaredType: null };
  expect(await newPool({ recognition: "elsewhere" }).parse(job, nowhere)).toEqual({ outcome: "needs_recognition" });
});

test("a page that was recognised is kept at once, and asked for before it is recognised again", async () => {
  const { file, scratchDir } = await temporaryFile("recognise");
  const kept = new Map<number, RecognisedPage>();
  const texts: string[] = [];
  const sink = {
    ...nowhere,
    rows: async ({ sections }: ParsedRows) => void texts.push(...sections.map(({ text }) => text)),
    recognised: async ({ page }: { page: number }) => kept.get(page) ?? null,
    keepRecognised: async ({ engine, page, result }: { engine: string; page: number; result: RecognisedPage }) => {
      expect(engine).toBe("spelling/1");
      kept.set(page, result);
    },
  };
  const pool = newPool({ recognition: engine });
  for (let run = 0; run < 2; run += 1) await pool.parse({ file, scratchDir, declaredType: null }, sink);
  // The recogniser counts its pages.
  expect([...kept.values()].map(({ text }) => text)).toEqual(["recognised 1"]);
  expect(texts).toEqual(["recognised 1", "recognised 1"]);
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
  const rows = async ({ sections }: ParsedRows) => {
    expect(open).toBe(0);
    open += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    open -= 1;
    batches.push(sections);
  };
  const sink = { ...nowhere, rows };
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
  const sink = { ...nowhere, rows: failing };
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
  // The files first, so that the one that hangs is surely the first to be read.
  const [first, second] = await Promise.all([temporaryFile("hang"), temporaryFile("report")]);
  const running = parseInPool(pool, first);
  const waiting = parseInPool(pool, second);
  const outcomes = Promise.allSettled([running, waiting]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await pool.destroy();
  await pool.destroy();
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
});
