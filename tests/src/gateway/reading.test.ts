import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
  await g.pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(() => g?.destroy());

const text = "Assessment\n\nReaction to penicillin: urticaria in 2011. Avoid beta-lactams.";
const ingest = async (bytes: string, fields?: Record<string, string>) => {
  const [receipt] = (await g.upload([{ bytes }], fields)).body.documents;
  await g.pipeline.drain(g.tenant.scope);
  return receipt;
};
/** Every page of a list. */
async function all(path: string, limit: number) {
  const pages = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof g.call>> = await g.call(
      `${path}?limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    expect(page.status).toBe(200);
    pages.push(page.body);
    cursor = page.body.nextCursor;
  }
  return pages;
}

describe("a document", () => {
  it("is read as text, sections and chunks, and found", async () => {
    const { id } = await ingest(text);
    const content = (await g.call(`/v1/documents/${id}/content`)).body;
    expect(content).toMatchObject({
      revision: 1,
      current: true,
      start: 0,
      length: content.text.length,
      nextCursor: null,
    });
    expect(content.text).toContain("Reaction to penicillin");
    const [sections, chunks, events] = [
      (await g.call(`/v1/documents/${id}/sections`)).body,
      (await g.call(`/v1/documents/${id}/chunks`)).body,
      (await g.call(`/v1/documents/${id}/events`)).body,
    ];
    expect(sections.items.length).toBeGreaterThan(0);
    const [[from, to]] = chunks.items[0].spans;
    expect(content.text.slice(from, to)).toBe(chunks.items[0].text.slice(0, to - from));
    expect(events.items.map((event: { status: string }) => event.status)).toEqual([
      "uploaded",
      "parsed",
      "chunked",
      "vectorized",
    ]);
    for (const mode of ["keyword", "semantic", "hybrid"]) {
      const found = (await g.call("/v1/search", { json: { query: "reaction to penicillin", mode } })).body;
      expect(found).toMatchObject({ mode, hits: [{ document: { id } }] });
      const keyword = mode === "keyword";
      expect([found.model, found.lexical]).toEqual(keyword ? [null, null] : ["local/lexical-v1/384", true]);
    }
    const audit = await g.pipeline.supabase.query<{ detail: { query: string } }>(
      "select detail from sluice.audit_log where action = 'search' limit 1",
    );
    expect(audit[0]?.detail.query).toMatch(/^[0-9a-f]{64}$/);
  });

  it("pages through more chunks than a page of the database holds, each once", async () => {
    const { id, ingestionId } = await ingest("A document that will have many chunks.");
    await g.pipeline.supabase.query(
      `insert into sluice.chunks (ingestion_id, generation, ordinal, organization_id, section_ordinal, text, token_count, spans, content_hash)
       select id, chunked_generation, n, organization_id, 0, 'passage ' || n, 2, '[[0,1]]', 'h' || n
       from sluice.ingestions, generate_series(1, 1000) n where id = '${ingestionId}'`,
    );
    const pages = await all(`/v1/documents/${id}/chunks`, 200);
    expect(pages.map((page) => page.items.length)).toEqual([200, 200, 200, 200, 200, 1]);
    const ordinals = pages.flatMap((page) => page.items.map((item: { ordinal: number }) => item.ordinal));
    expect(ordinals).toEqual(Array.from({ length: 1_001 }, (_, n) => n));
  });

  it("keeps a list's pages in one revision, while the next becomes current", async () => {
    const sections = Array.from({ length: 5 }, (_, n) => `# Part ${n}\n\nText of part ${n}.`).join("\n\n");
    const form = new FormData();
    form.append("file", new Blob([sections]), "parts.md");
    const [{ id }] = (await g.call("/v1/documents", { body: form })).body.documents;
    await g.pipeline.drain(g.tenant.scope);
    const first = (await g.call(`/v1/documents/${id}/sections?limit=2`)).body;
    const again = await g.call(`/v1/documents/${id}/reprocess`, { method: "POST" });
    expect(again).toMatchObject({ status: 202, body: { id, revision: 2 } });
    await g.pipeline.drain(g.tenant.scope);
    const second = (await g.call(`/v1/documents/${id}/sections?limit=2&cursor=${first.nextCursor}`)).body;
    expect(second).toMatchObject({ revision: 1, current: false });
    expect((await g.call(`/v1/documents/${id}/sections`)).body).toMatchObject({ revision: 2, current: true });
    expect((await g.call(`/v1/documents/${id}/sections?revision=9`)).body).toMatchObject({
      code: "document_not_ready",
    });
    const pieces = await all(`/v1/documents/${id}/content`, 2);
    const whole = (await g.call(`/v1/documents/${id}/content`)).body.text;
    expect(pieces.map((piece) => piece.text).join("\n\n")).toBe(whole);
    for (const piece of pieces) expect(whole.slice(piece.start, piece.start + piece.text.length)).toBe(piece.text);
  });

  it("is gone with all that was derived, when it is deleted", async () => {
    const { id } = await ingest("Erythema migrans, to be erased.");
    const { url } = (await g.call(`/v1/documents/${id}/file`)).body;
    expect((await g.call(`/v1/documents/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await g.call(`/v1/documents/${id}`, { method: "DELETE" })).status).toBe(204);
    for (const rest of ["", "/content", "/chunks", "/file"]) {
      expect((await g.call(`/v1/documents/${id}${rest}`)).status).toBe(404);
    }
    expect((await g.call("/v1/search", { json: { query: "erythema migrans", mode: "keyword" } })).body.hits).toEqual(
      [],
    );
    expect((await fetch(url)).ok).toBe(false);
  });

  it("that can't be read is listed with its code and advice", async () => {
    const { id, ingestionId } = await ingest("%PDF-1.7\nnothing of a PDF follows");
    expect((await g.call(`/v1/documents/${id}`)).body).toMatchObject({
      status: "failed",
      error: { code: "document_corrupt", advice: expect.any(String), stage: "parse" },
    });
    const letters = (await g.call("/v1/dead-letters?code=document_corrupt")).body.items;
    expect(letters).toMatchObject([{ ingestionId, documentId: id, stage: "parse", title: expect.any(String) }]);
    expect((await g.call("/v1/documents?status=failed")).body.items).toMatchObject([{ id }]);
    expect((await g.call(`/v1/documents/${id}/content`)).body).toMatchObject({ code: "document_not_ready" });
  });
});

describe("a batch", () => {
  it("is held back, let go, sealed and complete", async () => {
    const batch = (await g.call("/v1/batches", { json: { name: "held" } })).body;
    const act = (action: string, json?: object) =>
      g.call(`/v1/batches/${batch.id}/${action}`, { method: "POST", json });
    expect((await act("pause")).body).toMatchObject({ pausedAt: expect.any(String), more: false });
    await g.upload([{ bytes: "held back 1" }, { bytes: "held back 2" }], { batchId: batch.id });
    expect((await act("seal", { expected: 2 })).body).toMatchObject({ complete: false, inFlight: 2 });
    expect((await act("resume")).body).toMatchObject({ pausedAt: null });
    await g.pipeline.drain(g.tenant.scope);
    expect((await g.call(`/v1/batches/${batch.id}`)).body).toMatchObject({ complete: true, counts: { vectorized: 2 } });
    expect((await g.call(`/v1/ledger?batch=${batch.id}`)).body.ledger).toMatchObject({ accepted: 2, vectorized: 2 });
  });

  it("is cancelled whole", async () => {
    const batch = (await g.call("/v1/batches", { json: { name: "given up" } })).body;
    await g.call(`/v1/batches/${batch.id}/pause`, { method: "POST" });
    await g.upload([{ bytes: "given up 1" }, { bytes: "given up 2" }], { batchId: batch.id });
    const cancelled = await g.call(`/v1/batches/${batch.id}/cancel`, { method: "POST" });
    expect(cancelled.body).toMatchObject({ counts: { cancelled: 2 }, inFlight: 0, more: false });
    expect(await g.call(`/v1/batches/${batch.id}/retry`, { method: "POST" })).toMatchObject({
      status: 409,
      body: { code: "batch_closed" },
    });
  });
});

it("names an ingestion that vanished, and the ledger's imbalance", async () => {
  const other = await g.newTenant();
  const [{ ingestionId, id }] = (await g.upload([{ bytes: "vanishes" }], {}, { key: other.key })).body.documents;
  await g.pipeline.drain(other.scope);
  expect((await g.call("/v1/ledger?check=1", { key: other.key })).body).toMatchObject({
    ledger: { accepted: 1, imbalance: 0 },
    findings: [],
  });
  await g.pipeline.supabase.query(`delete from sluice.ingestions where id = '${ingestionId}'`);
  expect((await g.call("/v1/ledger?check=1", { key: other.key })).body).toMatchObject({
    ledger: { accepted: 1, imbalance: 1 },
    findings: [{ finding: "missing", ingestionId, documentId: id }],
  });
});

describe("search", () => {
  const embeddingsOf = (id: string, embed: () => Promise<never>) => ({
    model: { id, provider: "openai", name: "m", dimensions: 8, lexical: false },
    embed,
  });

  it("says so when the configured model is not the organization's", async () => {
    await ingest("Something that fixes the model.");
    const vectors = { vectors: [Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0)], tokens: 1 };
    const gateway = await g.newGateway({}, { embeddings: embeddingsOf("openai/m/8", async () => vectors as never) });
    const url = `http://127.0.0.1:${gateway.port}/v1/search`;
    expect(await g.call(url, { json: { query: "x" } })).toMatchObject({
      status: 409,
      body: { code: "embedding_model_inactive" },
    });
    expect((await g.call(url, { json: { query: "x", mode: "keyword" } })).status).toBe(200);
  });

  it("says so when the provider can't be reached", async () => {
    const failing = embeddingsOf("openai/m/8", async () => {
      throw new SluiceError("embedding_rate_limited", { retryAfterMs: 7_000 });
    });
    const gateway = await g.newGateway({}, { embeddings: failing });
    const answer = await g.call(`http://127.0.0.1:${gateway.port}/v1/search`, { json: { query: "x" } });
    expect(answer).toMatchObject({ status: 503, body: { code: "embedding_rate_limited" } });
    expect(answer.headers.get("retry-after")).toBe("7");
  });

  it("finds within a filter only", async () => {
    const tag = randomUUID();
    const { id } = await ingest(`Migraine with aura. ${tag}`, { tags: tag });
    await ingest(`Migraine without aura. ${randomUUID()}`);
    const { hits } = (await g.call("/v1/search", { json: { query: "migraine aura", filter: { tags: [tag] } } })).body;
    expect(hits.map((hit: { document: { id: string } }) => hit.document.id)).toEqual([id]);
  });
});
