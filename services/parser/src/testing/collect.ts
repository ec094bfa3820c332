import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, expect } from "@jest/globals";
import {
  type FoundChild,
  noRows,
  type ParsedRows,
  type ParseSummary,
  type RowKind,
  rowKinds,
  type Section,
  WrittenRows,
  WrittenSummary,
} from "@sluice/contracts";
import { defaultLimits, type Limits, type Sink } from "../formats/format.js";
import { parseFile } from "../formats/parse-file.js";
import type { ParserPool } from "../isolation/parser-pool.js";
import type { Recognition } from "../recognition/recogniser.js";

/** Everything a parse gave. */
export interface Parsed extends ParsedRows {
  summary: ParseSummary;
  children: (Omit<FoundChild, "file"> & { bytes: Buffer })[];
  /** The display text. */
  text: string;
}

/** Folders of this test file; Jest runs each file in a context of its own, and this is its last hook. */
const folders: string[] = [];
afterAll(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder that is gone when the test file is done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-parser-test-"));
  folders.push(folder);
  return folder;
}

export async function temporaryFile(content: Uint8Array | string): Promise<{ file: string; scratchDir: string }> {
  const scratchDir = await temporaryFolder();
  const file = join(scratchDir, "original");
  await writeFile(file, content);
  return { file, scratchDir };
}

/** Collects what a writer gives. */
export function collector(): { rows: ParsedRows; children: Parsed["children"]; sink: Sink } {
  const rows = noRows();
  const children: Parsed["children"] = [];
  const sink: Sink = {
    async row<K extends RowKind>(kind: K, row: ParsedRows[K][number]) {
      (rows[kind] as unknown[]).push(row);
    },
    async child(child, bytes) {
      children.push({ ...child, bytes: await buffer(bytes) });
    },
  };
  return { rows, children, sink };
}

/** Parses bytes in this process. */
export async function parseBytes(
  content: Uint8Array | string,
  declaredType: string | null = null,
  limits: Partial<Limits> = {},
  recognition?: Recognition,
): Promise<Parsed> {
  const { file } = await temporaryFile(content);
  const { rows, children, sink } = collector();
  const summary = await parseFile({ file, declaredType }, sink, { ...defaultLimits, ...limits }, recognition);
  return checked({ summary, ...rows, children, text: displayText(rows.sections) });
}

/** Parses a file in the pool's processes. */
export async function parseInPool(
  pool: ParserPool,
  job: { file: string; scratchDir: string; declaredType?: string | null },
  signal?: AbortSignal,
): Promise<Parsed> {
  const rows = noRows();
  const children: Parsed["children"] = [];
  const sink = {
    rows: async (batch: ParsedRows) => {
      for (const kind of rowKinds) (rows[kind] as unknown[]).push(...batch[kind]);
    },
    child: async ({ file, ...child }: FoundChild) => void children.push({ ...child, bytes: await readFile(file) }),
    recognised: async () => null,
    keepRecognised: async () => {},
  };
  const end = await pool.parse({ declaredType: null, ...job }, sink, signal);
  if (end.outcome !== "parsed") throw new Error(end.outcome);
  return { summary: end.summary, ...rows, children, text: displayText(rows.sections) };
}

/** What must hold of everything that a parser gives. */
export function checked(parsed: Parsed): Parsed {
  const { summary, text } = parsed;
  WrittenSummary.parse(summary);
  WrittenRows.parse(Object.fromEntries(rowKinds.map((kind) => [kind, parsed[kind]])));
  expect(summary.length).toBe(text.length);
  for (const kind of rowKinds) expect([kind, parsed[kind].length]).toEqual([kind, summary.counts[kind]]);
  for (const { start, text: own } of parsed.sections) expect(text.slice(start, start + own.length)).toBe(own);
  for (const { rows } of parsed.tables) {
    for (const { cells, start, end } of rows) {
      // Lines that are kept as they were written have their bars and quotes escaped.
      const line = text
        .slice(start, end)
        .replaceAll("\\|", "|")
        .replaceAll('""', '"')
        .replace(/\s*\n\s*/g, "; ");
      for (const cell of cells) expect(line).toContain(cell.replace(/\s*\n\s*/g, "; ").slice(0, 1_000));
    }
  }
  for (const { evidence, text: name, value } of parsed.facts) {
    if (evidence)
      expect([said(text.slice(evidence.start, evidence.end))]).toEqual([saysEither(said(name), said(value ?? name))]);
  }
  return parsed;
}

function said(text: string): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

/** A fact's evidence says its name or its value. */
function saysEither(name: string, value: string): unknown {
  return { asymmetricMatch: (text: unknown) => String(text).includes(name) || String(text).includes(value) };
}

function displayText(sections: Section[]): string {
  return sections.map((section) => section.text).join("\n\n");
}
