import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

const note = "Assessment\n\nStable angina, no change since the spring. Continue aspirin 81 mg daily.";

describe("the pipeline", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    pipeline = await createPipeline();
    scope = await pipeline.organization();
    await pipeline.start("parser", "chunker", "embedder", "supervisor");
  });
  afterAll(() => pipeline?.destroy());

  const search = (query: string, mode: "keyword" | "semantic" | "hybrid" = "keyword") =>
    pipeline.store.reading.search(
      scope,
      { query, mode, k: 5, filter: {} },
      { vector: null, model: "local/lexical-v1/384", queryHash: "h" },
    );

  it("makes a document searchable, with where the passage stands", async () => {
    const { documentId } = await pipeline.submit(scope, note);
    await pipeline.drain(scope);
    const document = await pipeline.store.reading.document(scope, documentId);
    expect(document).toMatchObject({
      status: "vectorized",
      activeRevision: 1,
      counts: { sections: 1, chunks: 1 },
      error: null,
    });
    const found = await search("stable angina");
    expect(found).toMatchObject({ outcome: "ok", hits: [{ document: { id: documentId }, spans: [[0, note.length]] }] });
  });

  it("finds words whatever way they are set, and shows them as the document sets them", async () => {
    const text = "Atrial \ufb01brillation, INR \uff12.\uff14, anti\u00adcoagulated.";
    const { documentId } = await pipeline.submit(scope, text);
    await pipeline.drain(scope);
    for (const query of ["fibrillation", "INR 2.4", "anticoagulated", "\ufb01brillation"]) {
      expect(await search(query)).toMatchObject({ outcome: "ok", hits: [{ document: { id: documentId }, text }] });
    }
  });

  it("records every transition in order", async () => {
    const { documentId } = await pipeline.submit(scope, "Follow-up in six weeks.");
    await pipeline.drain(scope);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    // A busy machine may queue a step anew in between.
    const steps = events.filter(({ kind }) => kind !== "requeued");
    expect(steps.map((event) => [event.kind, event.status])).toEqual([
      ["accepted", "uploaded"],
      ["advanced", "parsed"],
      ["advanced", "chunked"],
      ["advanced", "vectorized"],
    ]);
  });

  it("answers the same bytes with the document that is there", async () => {
    const first = await pipeline.submit(scope, "Twice the same.");
    const second = await pipeline.submit(scope, "Twice the same.");
    expect(second).toMatchObject({ outcome: "duplicate", documentId: first.documentId, keepObject: false });
  });

  it("takes new bytes under the same external id as the next revision, and shows readers the old one until it is sealed", async () => {
    const first = await pipeline.submit(scope, "Biopsy pending.", { externalId: "path-1" });
    await pipeline.drain(scope);
    const second = await pipeline.submit(scope, "Biopsy benign.", { externalId: "path-1" }, { enqueue: false });
    expect(second).toMatchObject({ outcome: "revision", documentId: first.documentId, revision: 2 });
    expect(await search("biopsy pending")).toMatchObject({
      hits: [{ document: { id: first.documentId, revision: 1 } }],
    });
    await pipeline.drain(scope);
    expect(await search("biopsy benign")).toMatchObject({
      hits: [{ document: { id: first.documentId, revision: 2 } }],
    });
    const old = await search("biopsy pending");
    expect(old).toMatchObject({ outcome: "ok" });
    expect(old.outcome === "ok" && old.hits.some((hit) => hit.text.includes("pending"))).toBe(false);
  });

  it("ends what it can't read as a dead letter with the code that fits", async () => {
    const damaged = await pipeline.submit(scope, "%PDF-1.7\nnothing of a PDF follows", {
      mediaType: "application/pdf",
      fileName: "x.pdf",
    });
    await pipeline.drain(scope);
    const { items } = await pipeline.store.operations.deadLetters(scope, {}, null, 10);
    expect(items).toContainEqual(
      expect.objectContaining({
        documentId: damaged.documentId,
        stage: "parse",
        code: "document_corrupt",
        attempts: 1,
      }),
    );
  });

  it("tries a document that failed again when it is sent again", async () => {
    const bytes = "%PDF-1.7\nnothing of this one either";
    const first = await pipeline.submit(scope, bytes, { mediaType: "application/pdf" });
    await pipeline.drain(scope);
    const second = await pipeline.submit(scope, bytes, { mediaType: "application/pdf" });
    expect(second).toMatchObject({ outcome: "retried", documentId: first.documentId, ingestionId: first.ingestionId });
    await pipeline.drain(scope);
    expect(await pipeline.store.reading.document(scope, first.documentId)).toMatchObject({
      status: "failed",
      generation: 2,
    });
  });

  it("ends a document of a thousand and one chunks whole, and gives all of them page by page", async () => {
    const paragraph = (i: number) =>
      `Entry ${i}: ${"blood pressure within the target range, no complaints, medication unchanged; ".repeat(30)}`;
    const { documentId } = await pipeline.submit(
      scope,
      Array.from({ length: 1_001 }, (_, i) => paragraph(i)).join("\n\n"),
    );
    await pipeline.drain(scope);
    const document = await pipeline.store.reading.document(scope, documentId);
    expect(document.counts.chunks).toBeGreaterThan(1_000);
    let [after, seen] = [-1, 0];
    for (;;) {
      const page = await pipeline.store.reading.derived(scope, documentId, "chunks", { after, limit: 500 });
      if (page.outcome !== "ok" || page.items.length === 0) break;
      seen += page.items.length;
      after = page.items.at(-1)?.ordinal ?? after;
    }
    expect(seen).toBe(document.counts.chunks);
  });

  it("keeps the ledger balanced through all of it", async () => {
    await pipeline.drain(scope);
    expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({ imbalance: 0, inFlight: 0 });
    expect(await pipeline.store.supervision.checkLedger(scope.organizationId)).toEqual([]);
  });

  it("writes nothing of a document, its name or its ids from outside into a log", () => {
    const written = pipeline.logs.join("\n");
    for (const canary of ["angina", "Biopsy", "path-1", "note.txt", "x.pdf"]) expect(written).not.toContain(canary);
    expect(written).toContain("job.done");
  });
});
