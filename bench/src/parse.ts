import { execFile, fork } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { filesBelow, writePdf } from "./corpus.js";
import type { RunRequest, RunResult } from "./parse-run.js";

const run = promisify(execFile);
const samples = fileURLToPath(new URL("../../samples/documents/", import.meta.url));

function inOwnProcess(request: RunRequest): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL("./parse-run.js", import.meta.url), {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    child.once("message", (result: RunResult) => resolve(result));
    child.once("exit", (code) => reject(new Error(`the run ended with ${code}`)));
    child.send(request);
  });
}

const round = (value: number, digits = 1) => Number(value.toFixed(digits));

/**
 * What isolation and structure cost: PDF pages a second through the pool beside pdf-parse called bare in one loop, and every other format of
 * the samples beside the same reading without isolation. With `--corpus`, the PDFs of a folder instead of generated ones.
 */
export async function parseBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { corpus: { type: "string" }, rounds: { type: "string", default: "3" } },
  });
  const rounds = Number(values.rounds);
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const pdfs =
      values.corpus === undefined
        ? [join(folder, "long.pdf"), join(folder, "short.pdf")]
        : (await filesBelow(values.corpus)).filter((file) => file.endsWith(".pdf"));
    if (values.corpus === undefined) {
      await writePdf(join(folder, "long.pdf"), 200);
      await writePdf(join(folder, "short.pdf"), 4);
    }
    const bare = await inOwnProcess({ way: "bare", workers: 1, files: pdfs, rounds });
    const one = await inOwnProcess({ way: "pool", workers: 1, files: pdfs, rounds });
    const two = await inOwnProcess({ way: "pool", workers: 2, files: pdfs, rounds });
    const rate = ({ pages, seconds }: RunResult) => pages / seconds;
    const table: Record<string, object> = {};
    const show = (name: string, result: RunResult) => {
      table[name] = {
        "pages per second": round(rate(result)),
        "CPU seconds": round(result.cpuSeconds),
        "peak MB": result.peakMb,
      };
    };
    show("pdf-parse, bare", bare);
    show("the parser, 1 worker", one);
    show("the parser, 2 workers", two);
    const began = performance.now();
    const poppler = await Promise.all(pdfs.map((file) => run("pdftotext", ["-q", file, "/dev/null"]))).then(
      () => (performance.now() - began) / 1_000,
      () => null,
    );
    if (poppler !== null) table.pdftotext = { "pages per second": round(bare.pages / rounds / poppler) };
    console.table(table);

    const others: Record<string, object> = {};
    for (const name of (await readdir(samples)).sort()) {
      if (/\.(pdf|png|tiff?)$|empty-template/.test(name)) continue;
      const files = Array.from({ length: 20 }, (_, i) => join(folder, `${i}-${name}`));
      await Promise.all(files.map((file) => copyFile(join(samples, name), file)));
      const own = await inOwnProcess({ way: "in process", workers: 1, files, rounds });
      const pooled = await inOwnProcess({ way: "pool", workers: 1, files, rounds });
      const perSecond = ({ seconds }: RunResult) => (files.length * rounds) / seconds;
      others[name] = {
        "bare, documents per second": round(perSecond(own)),
        "1 worker": round(perSecond(pooled)),
        ratio: round(perSecond(pooled) / perSecond(own), 2),
        "ms a document more": round(1_000 / perSecond(pooled) - 1_000 / perSecond(own), 2),
        "peak MB": pooled.peakMb,
      };
    }
    console.log("small samples of other formats, beside the same reading without isolation:");
    console.table(others);
    const figures = {
      bench: "parse",
      pages: bare.pages,
      pagesPerSecond: {
        bare: round(rate(bare)),
        one: round(rate(one)),
        two: round(rate(two)),
        pdftotext: table.pdftotext,
      },
      ratioOfOneWorker: round(rate(one) / rate(bare), 3),
      speedUpOfTwo: round(rate(two) / rate(one), 2),
      cpuSeconds: { bare: round(bare.cpuSeconds), one: round(one.cpuSeconds) },
      peakMb: { bare: bare.peakMb, one: one.peakMb },
      others,
    };
    console.log(JSON.stringify(figures));
    return figures.ratioOfOneWorker >= 0.8;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
