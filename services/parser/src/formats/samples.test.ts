import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { isSupported } from "@sluice/media";
import { ParserPool } from "../isolation/parser-pool.js";
import { chooseEngine } from "../recognition/choose-engine.js";
import { parseInPool, temporaryFolder } from "../testing/collect.js";

interface Expected {
  file: string;
  mediaType: string;
  status: "vectorized" | "failed";
  code?: string;
  minSections?: number;
  phrases: string[];
  children?: number;
  pages?: number;
}

const samples = new URL("../../../../samples/", import.meta.url);
const expected = JSON.parse(await readFile(new URL("expected.json", samples), "utf8")) as {
  documents: Expected[];
  searches: { expectFile: string }[];
};
const engine = await chooseEngine({ choice: "tesseract.js", languages: ["eng"] });
const pool = new ParserPool({ size: 2, memoryMb: 1_024, recognition: engine ?? "none" });

afterAll(() => pool.destroy());

test.each(expected.documents)("$file is read as expected", async (sample) => {
  const file = fileURLToPath(new URL(sample.file, samples));
  const scratchDir = await temporaryFolder();
  const parsing = parseInPool(pool, { file, scratchDir, declaredType: sample.mediaType });
  expect(isSupported(sample.mediaType)).toBe(true);
  if (sample.status === "failed") {
    await expect(parsing).rejects.toMatchObject({ code: sample.code });
    return;
  }
  const { summary, sections, children, pages, text } = await parsing;
  expect(summary.mediaType).toBe(sample.mediaType);
  expect(summary.warnings.map((warning) => warning.code)).not.toContain("declared_type_wrong");
  expect(summary.length).toBe(text.length);
  expect(children).toHaveLength(sample.children ?? 0);
  expect(pages).toHaveLength(sample.pages ?? 0);
  expect(sections.length).toBeGreaterThanOrEqual(sample.minSections ?? 0);
  for (const phrase of sample.phrases) expect(text).toContain(phrase);
  for (const section of sections) expect(text.slice(section.start).startsWith(section.text)).toBe(true);
});

test("each search is for a sample", () => {
  const files = expected.documents.map((sample) => sample.file);
  for (const search of expected.searches) expect(files).toContain(search.expectFile);
});
