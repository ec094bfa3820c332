import { execFile, fork } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { filesBelow, writePdf } from "./corpus.js";
import { writeLongDocuments } from "./long-documents.js";
import type { RunRequest, RunResult, RunSetup } from "./parse-run.js";

const run = promisify(execFile);
const samples = fileURLToPath(new URL("../../samples/documents/", import.meta.url));
const promisedRatio = 0.8;
/** A PDF of ten times as many pages may take as much more at its peak: its bytes, and garbage that is not collected at once. */
const promisedGrowth = 1.5;
const pagesOfLongPdfs = [500, 1_000, 5_000];

/** A process that reads files one way, and stays: starting is paid once. */
interface Runner {
  read(files: string[]): Promise<RunResult>;
  end(): void;
}

async function start(setup: RunSetup): Promise<Runner> {
  const child = fork(new URL("./parse-run.js", import.meta.url), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const ask = <T>(request: RunRequest) =>
    new Promise<T>((resolve, reject) => {
      const failed = (code: number | null) => reject(new Error(`the run ended with ${code}`));
      child.once("exit", failed);
      child.once("message", (answer: T) => {
        child.off("exit", failed);
        resolve(answer);
      });
      child.send(request);
    });
  await ask({ setup });
  return { read: (files) => ask({ files }), end: () => child.disconnect() };
}

const round = (value: number, digits = 1) => Number(value.toFixed(digits));
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const many = <T>(values: T[], times: number) => Array.from({ length: times }, () => values).flat();

/**
 * The same files read by each in turn, round after round, so that whatever else the machine does meets all of them; the first round only
 * warms up. Answers each one's results by round.
 */
async function inTurns(runners: readonly Runner[], files: string[], rounds: number): Promise<RunResult[][]> {
  const results: RunResult[][] = runners.map(() => []);
  for (let i = 0; i <= rounds; i += 1)
    for (const [which, runner] of runners.entries()) {
      const result = await runner.read(files);
      if (i > 0) results[which]?.push(result);
    }
  return results;
}

const medianOf = (results: RunResult[], figure: (result: RunResult) => number) => median(results.map(figure));
/** How many times as fast as the other, by the median of the rounds. */
function ratio(one: RunResult[], other: RunResult[]): number {
  return median(one.map(({ seconds }, i) => (other[i]?.seconds ?? 0) / seconds));
}

async function pdftotext(files: string[]): Promise<number | null> {
  const began = performance.now();
  try {
    for (const file of files) await run("pdftotext", ["-q", file, "/dev/null"]);
    return (performance.now() - began) / 1_000;
  } catch {
    return null;
  }
}

/** PDFs: the pool beside pdf-parse called bare in one loop, and pdftotext. */
async function pdfs(files: string[], rounds: number) {
  const cores = availableParallelism();
  const setups: RunSetup[] = [
    { way: "pdf-parse", workers: 1 },
    { way: "PDFium", workers: 1 },
    { way: "in process", workers: 1 },
    { way: "pool", workers: 1 },
    { way: "pool", workers: cores },
  ];
  const runners = await Promise.all(setups.map(start));
  try {
    const [bare = [], pdfium = [], inProcess = [], one = [], several = []] = await inTurns(
      runners,
      many(files, cores),
      rounds,
    );
    const pages = bare[0]?.pages ?? 0;
    const poppler = await pdftotext(many(files, cores));
    const figures = (results: RunResult[]) => ({
      pagesPerSecond: round(medianOf(results, (result) => result.pages / result.seconds)),
      cpuMsPerPage: round(
        medianOf(results, (result) => (result.cpuSeconds / result.pages) * 1_000),
        2,
      ),
      peakMb: results.at(-1)?.peakMb ?? 0,
      toPdfParse: round(ratio(results, bare), 2),
      toPdfium: round(ratio(results, pdfium), 2),
    });
    const table = {
      "pdf-parse, bare": figures(bare),
      "PDFium, bare": figures(pdfium),
      "the parser, in process": figures(inProcess),
      "the parser, 1 worker": figures(one),
      [`the parser, ${cores} workers`]: figures(several),
      ...(poppler === null ? {} : { pdftotext: { pagesPerSecond: round(pages / poppler) } }),
    };
    console.table(table);
    return {
      table,
      ratioOfOneWorker: round(ratio(one, bare), 3),
      ratioToPdfium: round(ratio(one, pdfium), 3),
      ratioToInProcess: round(ratio(one, inProcess), 3),
      cores,
      speedUpOfSeveral: round(ratio(several, one), 2),
    };
  } finally {
    for (const runner of runners) runner.end();
  }
}

/** Copies of a file: each is read as one of its own. */
async function copies(file: string, folder: string, count: number): Promise<string[]> {
  const all = Array.from({ length: count }, (_, i) => join(folder, `${i}-${basename(file)}`));
  await Promise.all(all.map((copy) => copyFile(file, copy)));
  return all;
}

/** Files of other formats, each by itself: the pool beside the same reading in one loop without isolation. */
async function others(
  files: string[],
  folder: string,
  count: number,
  rounds: number,
): Promise<Record<string, { ratio: number }>> {
  const found: Record<string, { ratio: number }> = {};
  const runners = await Promise.all([
    start({ way: "in process", workers: 1 }),
    start({ way: "pool", workers: 1 }),
    start({ way: "pool", workers: availableParallelism() }),
  ]);
  try {
    for (const file of files) {
      const all = await copies(file, folder, count);
      const [own = [], one = [], several = []] = await inTurns(runners, all, rounds);
      const milliseconds = (results: RunResult[]) => medianOf(results, ({ seconds }) => (seconds * 1_000) / all.length);
      found[basename(file)] = {
        ...{ "bare, ms a document": round(milliseconds(own), 2), "1 worker": round(milliseconds(one), 2) },
        ratio: round(ratio(one, own), 2),
        ...{
          "several workers": round(ratio(several, own), 2),
          "CPU ms": round(
            medianOf(one, ({ cpuSeconds }) => (cpuSeconds * 1_000) / all.length),
            2,
          ),
          "peak MB": medianOf(one, ({ peakMb }) => peakMb),
        },
      };
    }
  } finally {
    for (const runner of runners) runner.end();
  }
  console.table(found);
  return found;
}

async function smallSamples(): Promise<string[]> {
  const names = (await readdir(samples)).sort().filter((name) => !/\.(pdf|png|tiff?)$|empty-template/.test(name));
  return names.map((name) => join(samples, name));
}

/** The parser process's peak by the length of a PDF, each in a process of its own. */
async function long(folder: string) {
  const found: { pages: number; peakMb: number; seconds: number }[] = [];
  for (const pages of pagesOfLongPdfs) {
    const file = join(folder, `${pages}-pages.pdf`);
    await writePdf(file, pages);
    const runner = await start({ way: "pool", workers: 1 });
    try {
      const { parserPeakMb, seconds } = await runner.read([file]);
      found.push({ pages, peakMb: parserPeakMb, seconds: round(seconds) });
    } finally {
      runner.end();
    }
  }
  console.log("long PDFs, each in a fresh process:");
  console.table(found);
  return found;
}

/**
 * What isolation and structure cost: PDF pages a second through the pool beside pdf-parse and PDFium called bare in one loop, long documents of other formats
 * beside the same reading without isolation, what small ones cost, and memory by the length of a PDF. With `--corpus`, the PDFs of a folder instead of
 * generated ones; `--only pdf|others|long` takes one of the three.
 */
export async function parseBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      corpus: { type: "string" },
      rounds: { type: "string", default: "7" },
      only: { type: "string", default: "" },
    },
  });
  const rounds = Number(values.rounds);
  const isWanted = (part: string) => values.only === "" || values.only === part;
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    let files = [join(folder, "long.pdf"), join(folder, "short.pdf")];
    if (values.corpus !== undefined) files = (await filesBelow(values.corpus)).filter((file) => file.endsWith(".pdf"));
    else {
      await writePdf(join(folder, "long.pdf"), 200);
      await writePdf(join(folder, "short.pdf"), 4);
    }
    const pdf = isWanted("pdf") ? await pdfs(files, rounds) : undefined;
    let other: Awaited<ReturnType<typeof others>> | undefined;
    let small: typeof other;
    if (isWanted("others")) {
      console.log("documents of some hundred pages, beside the same reading without isolation:");
      other = await others(await writeLongDocuments(folder), folder, 6, rounds);
      console.log("small samples: what a file costs by itself");
      small = await others(await smallSamples(), folder, 40, Math.min(rounds, 3));
    }
    const memory = isWanted("long") ? await long(folder) : undefined;
    const growth = memory && round((memory.at(-1)?.peakMb ?? 0) / (memory[0]?.peakMb ?? 1), 2);
    console.log(JSON.stringify({ bench: "parse", promisedRatio, pdf, others: other, small, long: memory, growth }));
    const ratios = [pdf?.ratioOfOneWorker, ...Object.values(other ?? {}).map((each) => each.ratio)];
    return ratios.every((each = promisedRatio) => each >= promisedRatio) && (growth ?? 1) <= promisedGrowth;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
