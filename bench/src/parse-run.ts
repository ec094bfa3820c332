import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forSearch } from "@sluice/contracts";
import { defaultLimits, ParserPool, parseFile } from "@sluice/parser";
import { PDFParse, VerbosityLevel } from "pdf-parse";
import { usage } from "./processes.js";

/** One way of reading the same files over and over, in a process of its own: what `npm run bench -- parse` compares. */
export interface RunRequest {
  way: "bare" | "in process" | "pool";
  workers: number;
  files: string[];
  rounds: number;
}
export interface RunResult {
  seconds: number;
  cpuSeconds: number;
  peakMb: number;
  pages: number;
  characters: number;
}

const nowhere = {
  rows: async () => {},
  child: async () => {},
  recognised: async () => null,
  keepRecognised: async () => {},
};

async function bare(file: string): Promise<{ pages: number; characters: number }> {
  const parser = new PDFParse({ data: new Uint8Array(await readFile(file)), verbosity: VerbosityLevel.ERRORS });
  const { pages, text } = await parser.getText();
  await parser.destroy();
  return { pages: pages.length, characters: forSearch(text).length };
}

async function inProcess(file: string): Promise<{ pages: number; characters: number }> {
  const sink = {
    row: async () => {},
    child: async (_child: unknown, bytes: AsyncIterable<Uint8Array>) => {
      for await (const _ of bytes);
    },
  };
  const { counts, length } = await parseFile({ file, declaredType: null }, sink, defaultLimits);
  return { pages: counts.pages, characters: length };
}

async function run({ way, workers, files, rounds }: RunRequest): Promise<RunResult> {
  const scratchDir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const pool = way === "pool" ? new ParserPool({ size: workers, recognition: "elsewhere" }) : undefined;
  await pool?.start();
  const read = async (file: string) => {
    if (way === "bare") return bare(file);
    if (pool === undefined) return inProcess(file);
    const end = await pool.parse({ file, scratchDir, declaredType: null }, nowhere);
    if (end.outcome !== "parsed") throw new Error(end.outcome);
    return { pages: end.summary.counts.pages, characters: end.summary.length };
  };
  // Once over everything, so that nobody pays for starting.
  await Promise.all(Array.from({ length: workers }, () => read(files[0] as string)));
  const before = usage({ run: process.pid }).run?.cpuSeconds ?? 0;
  const began = performance.now();
  const work = Array.from({ length: rounds }, () => files).flat();
  const total = { pages: 0, characters: 0 };
  const next = work.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const file of next) {
        const { pages, characters } = await read(file);
        total.pages += pages;
        total.characters += characters;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  const { cpuSeconds, peakMb } = usage({ run: process.pid }).run ?? { cpuSeconds: 0, peakMb: 0 };
  await pool?.destroy();
  await rm(scratchDir, { recursive: true, force: true });
  return { seconds, cpuSeconds: cpuSeconds - before, peakMb, ...total };
}

process.on("message", async (request: RunRequest) => {
  process.send?.(await run(request), () => process.exit());
});
