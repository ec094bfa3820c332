import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import fc from "fast-check";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { expectWhole, settled } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

/** Text as parsers give it: any characters, but no NUL and no half of a surrogate pair, and never nothing. */
const text = fc
  .oneof(
    { weight: 3, arbitrary: fc.lorem({ maxCount: 60, mode: "sentences" }) },
    {
      weight: 2,
      arbitrary: fc.array(
        fc.constantFrom("BP 120/80", "\n", "\n\n", " ", "\t", ". ", "; ", "µg", "🫀", "é", "日本語"),
        { maxLength: 200 },
      ),
    },
    { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 400 }) },
    { weight: 1, arbitrary: fc.nat(3_000).map((n) => "x".repeat(n)) },
    { weight: 1, arbitrary: fc.nat(600).map((n) => "🫀\u200d🔥 ".repeat(n)) },
  )
  .map((value) => (Array.isArray(value) ? value.join("") : value).replaceAll("\0", " ").toWellFormed())
  .filter((value) => value.length > 0);
const documents = fc.array(fc.array(text, { maxLength: 6 }), { minLength: 8, maxLength: 8 });

describe("the spans of chunks", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    pipeline = await createPipeline({ CHUNKER_MAX_TOKENS: "40" });
    scope = await pipeline.organization();
    await pipeline.start("chunker", "embedder", "supervisor");
  });
  afterAll(() => pipeline?.destroy());

  let made = 0;
  /** Accepts a document and parses it by hand, into exactly these sections. */
  async function parse(texts: string[]): Promise<{ documentId: string; display: string }> {
    made += 1;
    const { ingestionId, documentId } = await pipeline.submit(scope, `Document ${made}.`, {}, { enqueue: false });
    const work = { organizationId: scope.organizationId, ingestionId, generation: 1 };
    const display = texts.join("\n\n");
    await take(pipeline, "parse", work, "by-hand");
    const parts = texts.length === 0 ? 0 : 1;
    if (parts > 0) await pipeline.store.work.putParsed(work, 0, onlySections(sectionsOf(texts)));
    const sealed = await pipeline.store.work.sealParse(work, "by-hand", parsed(parts, texts.length, display.length));
    if (sealed.outcome !== "sealed" || sealed.job === undefined) throw new Error(sealed.outcome);
    await pipeline.producer.enqueue([sealed.job]);
    return { documentId, display };
  }

  it("cut from the display text make the chunk's text, and leave out nothing but white space", async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (samples) => {
        const sent = [];
        for (const texts of samples) sent.push(await parse(texts));
        await settled(pipeline, scope);
        for (const { documentId, display } of sent) {
          const page = await pipeline.store.reading.derived(scope, documentId, "chunks", { after: -1, limit: 500 });
          if (page.outcome !== "ok") throw new Error(page.outcome);
          expect(page.length).toBe(display.length);
          let rest = display;
          let last = 0;
          for (const chunk of page.items) {
            expect(chunk.spans.map(([start, end]) => display.slice(start, end)).join("")).toBe(chunk.text);
            for (const [start, end] of chunk.spans) {
              expect(start).toBeGreaterThanOrEqual(last);
              last = end;
              rest = rest.slice(0, start) + " ".repeat(end - start) + rest.slice(end);
            }
          }
          expect(rest.trim()).toBe("");
        }
      }),
      { numRuns: 12 },
    );
    await expectWhole(pipeline, scope, made);
  });
});
