import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PDFiumLibrary } from "@hyzyla/pdfium";
import { forSearch } from "@sluice/contracts";
import { defaultLimits, ParserPool, parseFile } from "@sluice/parser";
import { PDFParse, VerbosityLevel } from "pdf-parse";
import { peakMbBelow, usage } from "./processes.js";

/**
 * One way of reading files, in a process of its own that stays: what `npm run bench -- parse` compares. The libraries are
 * called bare in one loop; `in process` is the parser's own reading without isolation.
 */
export interface RunSetup {
  way: "pdf-parse" | "PDFium" | "in process" | "pool";
  workers: number;
}
export type RunRequest = { setup: RunSetup } | { files: string[] };
export interface RunResult {
  seconds: number;
  cpuSeconds: number;
  /** Of the process with all that it started, and of what it started alone, so far. */
  peakMb: number;
  parserPeakMb: number;
  pages: number;
  characters: number;
}

type Read = (file: string) => Promise<{ pages: number; characters: number }>;

const nowhere = {
  rows: async () => {},
  child: async () => {},
  recognised: async () => null,
  keepRecognised: async () => {},
};

const pdfParse: Read = async (file) => {
  const parser = new PDFParse({ data: new Uint8Array(await readFile(file)), verbosity: VerbosityLevel.ERRORS });
  const { pages, text } = await parser.getText();
  await parser.destroy();
  return { pages: pages.length, characters: forSearch(text).length };
};

const pdfium =
  (library: PDFiumLibrary): Read =>
  async (file) => {
    const document = await library.loadDocument(await readFile(file));
    const texts = [...document.pages()].map((page) => page.getText());
    document.destroy();
    return { pages: texts.length, characters: forSearch(texts.join("\n")).length };
  };

const inProcess: Read = async (file) => {
  const sink = {
    row: async () => {},
    child: async (_child: unknown, bytes: AsyncIterable<Uint8Array>) => {
      for await (const _ of bytes);
    },
  };
  const { counts, length } = await parseFile({ file, declaredType: null }, sink, defaultLimits);
  return { pages: counts.pages, characters: length };
};

async function open({ way, workers }: RunSetup): Promise<{ read: Read; close: () => Promise<void> }> {
  if (way === "pdf-parse") return { read: pdfParse, close: async () => {} };
  if (way === "PDFium") return { read: pdfium(await PDFiumLibrary.init()), close: async () => {} };
  if (way === "in process") return { read: inProcess, close: async () => {} };
  const scratchDir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const pool = new ParserPool({ size: workers, timeoutMs: 240_000 });
  await pool.start();
  return {
    read: async (file) => {
      const end = await pool.parse({ file, scratchDir, declaredType: null }, nowhere);
      if (end.outcome !== "parsed") throw new Error(end.outcome);
      return { pages: end.summary.counts.pages, characters: end.summary.length };
    },
    close: async () => {
      await pool.destroy();
      await rm(scratchDir, { recursive: true, force: true });
    },
  };
}

async function run(read: Read, workers: number, files: string[]): Promise<RunResult> {
  const before = usage({ run: process.pid }).run?.cpuSeconds ?? 0;
  const began = performance.now();
  const total = { pages: 0, characters: 0 };
  const next = files.values();
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
  return { seconds, cpuSeconds: cpuSeconds - before, peakMb, parserPeakMb: peakMbBelow(process.pid), ...total };
}

let opened: Awaited<ReturnType<typeof open>> | undefined;
let workers = 1;

process.on("message", async (request: RunRequest) => {
  if ("setup" in request) {
    workers = request.setup.workers;
    opened = await open(request.setup);
    process.send?.({ ready: true });
  } else if (opened) process.send?.(await run(opened.read, workers, request.files));
});
process.on("disconnect", async () => {
  await opened?.close();
  process.exit();
});
