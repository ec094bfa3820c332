import { describe, expect, it } from "@jest/globals";
import type { Section } from "@sluice/contracts";
import fc from "fast-check";
import { createSectionSplitter } from "./split.js";
import { tokenCount } from "./tokens.js";

function section(text: string, start = 0): Section {
  return { ordinal: 3, level: 1, title: "Assessment", code: null, text, start, pageFrom: 2, pageTo: 2 };
}

/** Text as notes have it: words, odd signs, line breaks, long runs, characters outside the basic plane. */
const noteText = fc
  .array(
    fc.oneof(
      fc.lorem(),
      fc.constantFrom("\n\n", "\n", "q.d.", "- ", "<|endoftext|>", "🩺", "…", "=".repeat(300)),
      fc.string({ unit: "grapheme" }),
    ),
    { minLength: 1, maxLength: 60 },
  )
  .map((parts) => parts.join(" "))
  .filter((text) => text.trim() !== "");

describe("cutting a section", () => {
  it("keeps a short section whole, with its title beside it", async () => {
    const split = createSectionSplitter({ maxTokens: 100 });
    const [chunk, ...rest] = await split(section("Stable angina. Continue aspirin.", 40), 7);
    expect(rest).toEqual([]);
    expect(chunk).toMatchObject({
      ordinal: 7,
      sectionOrdinal: 3,
      prefix: "Assessment",
      spans: [[40, 72]],
      pageFrom: 2,
      pageTo: 2,
    });
  });

  it("gives spans whose text is the chunk's, in order, within the limit, and cuts through no character", async () => {
    const split = createSectionSplitter({ maxTokens: 40 });
    await fc.assert(
      fc.asyncProperty(noteText, fc.nat(1_000), async (text, start) => {
        const chunks = await split(section(text, start), 0);
        let last = -1;
        for (const chunk of chunks) {
          expect(chunk.spans.map(([from, to]) => text.slice(from - start, to - start)).join("")).toBe(chunk.text);
          expect(tokenCount(chunk.text)).toBeLessThanOrEqual(40);
          expect(chunk.text.isWellFormed()).toBe(true);
          expect(chunk.spans[0]?.[0]).toBeGreaterThan(last);
          last = chunk.spans[0]?.[0] ?? last;
        }
      }),
      { numRuns: 200 },
    );
  });

  it("loses no word of a section ", async () => {
    const split = createSectionSplitter({ maxTokens: 40 });
    await fc.assert(
      fc.asyncProperty(noteText, async (text) => {
        const kept = (await split(section(text), 0)).map((chunk) => chunk.text).join("");
        expect(kept.replace(/\s+/g, "")).toBe(text.replace(/\s+/g, ""));
      }),
      { numRuns: 200 },
    );
  });

  it("counts a word of thirty thousand letters without hanging", () => {
    expect(tokenCount("a".repeat(30_000))).toBeGreaterThan(1_000);
  });
});
