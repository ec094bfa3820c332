import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

const scan = await readFile(new URL("../../samples/documents/scanned-letter.pdf", import.meta.url));

describe("the queue of pages to recognise", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    pipeline = await createPipeline({ PARSER_QUEUES: "parse" });
    scope = await pipeline.organization();
    await pipeline.start("parser", "chunker", "embedder", "supervisor");
  });
  afterAll(() => pipeline?.destroy());

  const document = (id: string) => pipeline.store.reading.document(scope, id);
  async function waitsFor(id: string, queue: string): Promise<void> {
    while ((await document(id)).queue !== queue) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  it("takes a scan from the queue of text, which goes on with the next document", async () => {
    const { documentId } = await pipeline.submit(scope, scan, { mediaType: "application/pdf" });
    await waitsFor(documentId, "ocr");
    expect(await document(documentId)).toMatchObject({ status: "uploaded", attempts: 0, error: null });
    const note = await pipeline.submit(scope, "A note that is no scan.");
    while ((await document(note.documentId)).status !== "vectorized") {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }

    pipeline.env.PARSER_QUEUES = "ocr";
    await pipeline.start("parser");
    await pipeline.drain(scope);
    expect(await document(documentId)).toMatchObject({ status: "failed", error: { code: "ocr_required" } });
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events.map(({ kind }) => kind)).toEqual(["accepted", "moved", "failed"]);
  });
});
