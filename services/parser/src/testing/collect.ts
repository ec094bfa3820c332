import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import type { FoundChild, Page, ParseSummary, Section } from "@sluice/contracts";
import { defaultLimits, type Limits } from "../formats/format.js";
import { parseFile } from "../formats/parse-file.js";
import type { ParserPool } from "../isolation/parser-pool.js";

/** Everything a parse gave. */
export interface Parsed {
  summary: ParseSummary;
  sections: Section[];
  pages: Page[];
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

/** Parses bytes in this process. */
export async function parseBytes(
  content: Uint8Array | string,
  declaredType: string | null = null,
  limits: Partial<Limits> = {},
): Promise<Parsed> {
  const { file } = await temporaryFile(content);
  const found: Omit<Parsed, "summary" | "text"> = { sections: [], pages: [], children: [] };
  const sink = {
    section: async (section: Section) => void found.sections.push(section),
    page: async (page: Page) => void found.pages.push(page),
    child: async (child: Omit<FoundChild, "file">, bytes: Uint8Array) =>
      void found.children.push({ ...child, bytes: Buffer.from(bytes) }),
  };
  const summary = await parseFile({ file, declaredType }, sink, { ...defaultLimits, ...limits });
  return { summary, ...found, text: displayText(found.sections) };
}

/** Parses a file in the pool's processes. */
export async function parseInPool(
  pool: ParserPool,
  job: { file: string; scratchDir: string; declaredType?: string | null },
  signal?: AbortSignal,
): Promise<Parsed> {
  const found: Omit<Parsed, "summary" | "text"> = { sections: [], pages: [], children: [] };
  const sink = {
    sections: async (batch: Section[]) => void found.sections.push(...batch),
    pages: async (batch: Page[]) => void found.pages.push(...batch),
    child: async ({ file, ...child }: FoundChild) =>
      void found.children.push({ ...child, bytes: await readFile(file) }),
  };
  const summary = await pool.parse({ declaredType: null, ...job }, sink, signal);
  return { summary, ...found, text: displayText(found.sections) };
}

function displayText(sections: Section[]): string {
  return sections.map((section) => section.text).join("\n\n");
}
