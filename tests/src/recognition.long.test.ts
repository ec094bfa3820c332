import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

const samples = new URL("../../samples/documents/", import.meta.url);
const scan = await readFile(new URL("scanned-letter.pdf", samples));
const card = await readFile(new URL("scanned-referral-card.png", samples));
const fax = await readFile(new URL("faxed-results.tif", samples));

describe("the queue of pages to recognise", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    // The engine that is everywhere.
    pipeline = await createPipeline({ PARSER_QUEUES: "parse", PARSER_CONCURRENCY: "1", OCR: "tesseract.js" });
    scope = await pipeline.organization();
    await pipeline.start("parser", "chunker", "embedder", "supervisor");
  });
  afterAll(() => pipeline?.destroy());

  const document = (id: string, of = scope) => pipeline.store.reading.document(of, id);
  const status = async (id: string, of = scope) => (await document(id, of)).status;
  const isVectorized = (id: string, of = scope) => until(async () => (await status(id, of)) === "vectorized");
  const found = async (query: string) => {
    const mode = "keyword" as const;
    const answer = await pipeline.store.reading.search(
      scope,
      { query, mode, k: 5, filter: {} },
      { vector: null, model: "local/lexical-v1/384", queryHash: "h" },
    );
    return answer.outcome === "ok" ? answer.hits.map((hit) => hit.document.id) : answer.outcome;
  };
  /** The isolated processes of the parsers here: one that reads text, and one that recognises, where that was started. */
  const processes = () =>
    execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes("isolation/worker.js"))
      .map((line) => Number.parseInt(line, 10));
  const recognitions = () => pipeline.logs.filter((line) => line.includes("parse.page_recognised")).length;

  it("takes a scan from the queue of text, which goes on with the next document", async () => {
    const { documentId } = await pipeline.submit(scope, scan, { mediaType: "application/pdf" });
    await until(async () => (await document(documentId)).queue === "ocr");
    expect(await document(documentId)).toMatchObject({ status: "uploaded", attempts: 0, error: null });
    const note = await pipeline.submit(scope, "A note that is no scan.");
    await isVectorized(note.documentId);

    pipeline.env.PARSER_QUEUES = "ocr";
    await pipeline.start("parser");
    await pipeline.drain(scope);
    expect(await document(documentId)).toMatchObject({ status: "vectorized", error: null });
    expect(await found("obstructive sleep apnoea")).toEqual([documentId]);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events.map(({ kind }) => kind).slice(0, 3)).toEqual(["accepted", "moved", "advanced"]);
  });

  it("does not let a pile of scans delay a text document", async () => {
    const own = await pipeline.organization("pile");
    const pile: string[] = [];
    for (let sheet = 0; sheet < 6; sheet += 1) {
      // Bytes after its end make it another file.
      const bytes = Buffer.concat([card, Buffer.alloc(sheet + 1)]);
      pile.push((await pipeline.submit(own, bytes, { mediaType: "image/png" })).documentId);
    }
    const note = await pipeline.submit(own, "A note behind a pile of faxes.");
    await isVectorized(note.documentId, own);
    const waiting = await Promise.all(pile.map((id) => status(id, own)));
    expect(waiting.filter((each) => each === "uploaded").length).toBeGreaterThan(0);
    await pipeline.drain(own);
    expect(await Promise.all(pile.map((id) => status(id, own)))).toEqual(Array(6).fill("vectorized"));
  });

  it("repeats only the page in hand when the process that recognises is killed", async () => {
    const own = await pipeline.organization("killed");
    const before = recognitions();
    const { documentId } = await pipeline.submit(own, fax, { mediaType: "image/tiff" });
    await until(async () => recognitions() > before);
    // The one that reads text has nothing to do, and is not missed.
    for (const pid of processes()) process.kill(pid, "SIGKILL");
    await pipeline.drain(own);
    expect(await status(documentId, own)).toBe("vectorized");
    // A text page upright, one upside down, and an empty one: each was kept once.
    expect(recognitions() - before).toBe(3);
    const kinds = await pipeline.supabase.query<{ kind: string }>(
      "select kind from sluice.pages p join sluice.ingestions i on i.id = p.ingestion_id where i.document_id = $1 order by number",
      [documentId],
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(["ocr", "ocr", "blank"]);
    const events = await pipeline.store.reading.events(own, documentId, null, 100);
    expect(events.map(({ kind }) => kind)).toContain("retrying");
  });
});

describe("without recognition", () => {
  it("a scan ends with the code that says so, in the queue of text", async () => {
    const pipeline = await createPipeline({ PARSER_QUEUES: "parse", OCR: "off" });
    try {
      const scope = await pipeline.organization();
      await pipeline.start("parser", "supervisor");
      const { documentId } = await pipeline.submit(scope, scan, { mediaType: "application/pdf" });
      await pipeline.drain(scope);
      const document = await pipeline.store.reading.document(scope, documentId);
      expect(document).toMatchObject({ status: "failed", error: { code: "ocr_required" } });
    } finally {
      await pipeline.destroy();
    }
  });
});
