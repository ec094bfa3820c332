import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type FoundChild, forSearch, noRows, type ParsedRows, rowKinds, SluiceError } from "@sluice/contracts";
import { chooseEngine, ParserPool } from "@sluice/parser";

const run = promisify(execFile);

/** A line of the corpus's MANIFEST.tsv. */
interface Entry {
  path: string;
  expected: string;
  phrases: string[];
}

interface Reading {
  /** `read`, or the code it failed with. */
  outcome: string;
  rows: ParsedRows;
  warnings: string[];
  /** The display text, and that of what was found inside. */
  text: string;
  children: number;
}

const maxDepth = 5;
const words = (text: string) =>
  forSearch(text)
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];
const squeezed = (text: string) => words(text).join(" ");

async function manifest(corpus: string): Promise<Entry[]> {
  const [, ...lines] = (await readFile(join(corpus, "MANIFEST.tsv"), "utf8")).split("\n").filter(Boolean);
  return lines.map((line) => {
    const [path = "", , , , , expected = "", phrases = ""] = line
      .split("\t")
      .map((cell) => cell.replace(/^"|"$/g, "").replaceAll('""', '"'));
    return { path, expected, phrases: phrases.split(" || ").filter((phrase) => squeezed(phrase) !== "") };
  });
}

async function read(pool: ParserPool, file: string, depth: number): Promise<Reading> {
  const scratchDir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const rows = noRows();
  const found: FoundChild[] = [];
  try {
    const end = await pool.parse(
      { file, scratchDir, declaredType: null },
      {
        rows: async (batch) => {
          for (const kind of rowKinds) (rows[kind] as unknown[]).push(...batch[kind]);
        },
        child: async (child) => void found.push(child),
        recognised: async () => null,
        keepRecognised: async () => {},
      },
    );
    if (end.outcome !== "parsed") return { outcome: end.outcome, rows, warnings: [], text: "", children: 0 };
    const texts = [rows.sections.map((section) => section.text).join("\n\n")];
    let children = found.length;
    for (const child of depth < maxDepth ? found : []) {
      const inner = await read(pool, child.file, depth + 1);
      texts.push(inner.text);
      children += inner.children;
    }
    return {
      outcome: "read",
      rows,
      warnings: end.summary.warnings.map(({ code }) => code),
      text: texts.join("\n\n"),
      children,
    };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { outcome: error.code, rows, warnings: [], text: "", children: 0 };
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

/** Of the words that pdftotext finds on each page, the share that the page's text has; the least of all pages without a warning. */
async function recall(file: string, { rows, warnings, text }: Reading): Promise<number> {
  let least = 1;
  for (const page of rows.pages) {
    const { stdout } = await run("pdftotext", ["-q", "-f", String(page.number), "-l", String(page.number), file, "-"], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const wanted = words(stdout);
    if (wanted.length === 0) continue;
    const have = new Map<string, number>();
    for (const word of words(text.slice(page.start, page.end))) have.set(word, (have.get(word) ?? 0) + 1);
    let hits = 0;
    for (const word of wanted) {
      const left = have.get(word) ?? 0;
      if (left > 0) hits += 1;
      have.set(word, left - 1);
    }
    if (!warnings.includes("page_unreadable")) least = Math.min(least, hits / wanted.length);
  }
  return least;
}

/**
 * Reads a corpus of real files beside what is expected of each (MANIFEST.tsv: path, …, expected_outcome, expected_phrases), and names what
 * falls short. Needs no stack; `--only` takes a part of the paths.
 */
export async function formatsBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { corpus: { type: "string" }, only: { type: "string", default: "" } },
  });
  if (values.corpus === undefined) {
    console.error("usage: npm run bench -- formats --corpus FOLDER [--only PREFIX]");
    return false;
  }
  const corpus = values.corpus;
  const entries = (await manifest(corpus)).filter(({ path }) => path.startsWith(values.only));
  const engine = await chooseEngine({ choice: "auto", languages: ["eng"] });
  const pool = new ParserPool({ size: 2, timeoutMs: 300_000, memoryMb: 1_536, recognition: engine ?? "none" });
  const outcomes = new Map<string, number>();
  const short: string[] = [];
  let [withPhrases, whole, leastRecall] = [0, 0, 1];
  const next = entries.values();
  const work = async () => {
    for (const { path, expected, phrases } of next) {
      const file = join(corpus, path);
      const reading = await read(pool, file, 0);
      const folder = path.split("/").slice(0, 2).join("/");
      outcomes.set(`${folder} ${reading.outcome}`, (outcomes.get(`${folder} ${reading.outcome}`) ?? 0) + 1);
      const text = squeezed(reading.text);
      const missing = phrases.filter((phrase) => !text.includes(squeezed(phrase)));
      // A file that needs a password has phrases of what lies behind it.
      const givesText =
        phrases.length > 0 && !/needs password|ask for password|report encrypted|cannot open/.test(expected);
      if (givesText) withPhrases += 1;
      if (givesText && missing.length === 0) whole += 1;
      if (givesText && missing.length > 0)
        short.push(
          `${path}: ${reading.outcome} [${reading.warnings.join(" ")}] lacks ${missing.length} of ${phrases.length}: ${missing[0]?.slice(0, 60)}`,
        );
      if (!givesText)
        short.push(
          `? ${path}: ${reading.outcome}, ${reading.text.length} characters, ${reading.children} inside; expected: ${expected.slice(0, 90)}`,
        );
      if (path.startsWith("pdf/normal") && reading.outcome === "read") {
        const share = await recall(file, reading).catch(() => 1);
        leastRecall = Math.min(leastRecall, share);
        if (share < 0.97) short.push(`${path}: a page has ${(share * 100).toFixed(1)}% of pdftotext's words`);
      }
    }
  };
  try {
    await Promise.all([work(), work()]);
  } finally {
    await pool.destroy();
  }
  for (const line of short.sort()) console.log(line);
  for (const [outcome, count] of [...outcomes].sort()) console.log(`${String(count).padStart(5)}  ${outcome}`);
  const figures = {
    bench: "formats",
    files: entries.length,
    expectedText: withPhrases,
    withEveryPhrase: whole,
    share: withPhrases === 0 ? 1 : Number((whole / withPhrases).toFixed(4)),
    leastPageRecall: Number(leastRecall.toFixed(4)),
  };
  console.log(JSON.stringify(figures));
  return figures.share >= 0.97 && figures.leastPageRecall >= 0.97;
}
