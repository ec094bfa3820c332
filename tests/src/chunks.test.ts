import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { DocumentChunk } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

const note = `PROGRESS NOTE
HPI: Cough for three weeks, worse at night, no fever.

Medications:
- metoprolol 25 mg b.i.d.
- apixaban 5 mg b.i.d., last filled before the weekend at St. Mary's pharmacy

Assessment and Plan:
#1 Cough: likely viral. Return in two weeks unless better; chest X-ray then, and spirometry if it goes on.
#2 Atrial fibrillation: rate controlled on the present dose. Continue anticoagulation, recheck renal function.
`;

describe("chunks", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    pipeline = await createPipeline();
    scope = await pipeline.organization();
    await pipeline.start("parser", "chunker", "embedder", "supervisor");
  });
  afterAll(() => pipeline?.destroy());

  async function ingest(text: string, more: { patient?: string; mediaType?: string } = {}): Promise<string> {
    const { documentId } = await pipeline.submit(scope, text, more);
    await pipeline.drain(scope);
    return documentId;
  }
  async function chunksOf(documentId: string): Promise<DocumentChunk[]> {
    const page = await pipeline.store.reading.derived(scope, documentId, "chunks", { after: -1, limit: 500 });
    if (page.outcome !== "ok") throw new Error(page.outcome);
    return page.items;
  }

  it("show the sections that a note's headings begin to readers and to search", async () => {
    const documentId = await ingest(note);
    const chunks = await chunksOf(documentId);
    expect(chunks.map(({ code, heading }) => [code?.code, heading])).toEqual([
      [undefined, "PROGRESS NOTE"],
      ["10164-2", "HPI"],
      ["10160-0", "Medications"],
      ["51847-2", "Assessment and Plan"],
    ]);
    expect(new Set(chunks.map(({ chunkerVersion }) => chunkerVersion?.replace(/[0-9a-f]{8}$/, "")))).toEqual(
      new Set(["structure-2-"]),
    );
    expect(chunks[0]?.parserVersion).toMatch(/./);
    const sections = await pipeline.store.reading.derived(scope, documentId, "sections", { after: -1, limit: 10 });
    if (sections.outcome !== "ok") throw new Error(sections.outcome);
    const { text = "", parts = [] } = sections.items[0] ?? {};
    expect(parts.map(({ title, start, end }) => [title, text.slice(start, end).split(/[:\n]/)[0]])).toEqual([
      ["HPI", "HPI"],
      ["Medications", "Medications"],
      ["Assessment and Plan", "Assessment and Plan"],
    ]);
    const found = await pipeline.store.reading.search(
      scope,
      { query: "metoprolol cough", k: 10, mode: "keyword", filter: { documentId, sectionCode: "10160-0" } },
      { vector: null, model: "local/lexical-v1", queryHash: "" },
    );
    if (found.outcome !== "ok") throw new Error(found.outcome);
    expect(found.hits.map(({ section }) => [section.title, section.code?.code])).toEqual([["Medications", "10160-0"]]);
  });

  it("that repeat, to the letter or nearly, what another document of the patient says are marked", async () => {
    const patient = "hospital|4711";
    const first = await ingest(note, { patient });
    const exact = await ingest(`${note}\nAddendum:\nNone.\n`, { patient });
    const near = await ingest(note.replace("three weeks", "three weeks now").replace("viral.", "viral!"), { patient });
    const other = await ingest(`${note}\n`, { patient: "hospital|4712" });
    const byCode = async (id: string) => new Map((await chunksOf(id)).map((chunk) => [chunk.code?.code, chunk]));
    const [original, again, changed, stranger] = await Promise.all([first, exact, near, other].map(byCode));
    expect([...(original?.values() ?? [])].map(({ copied }) => copied)).toEqual([null, null, null, null]);
    expect(again?.get("10160-0")).toMatchObject({ copied: "exact", copyKey: original?.get("10160-0")?.contentHash });
    expect(again?.get("51847-2")?.copyKey).toBe(original?.get("51847-2")?.copyKey);
    expect(changed?.get("10160-0")?.copied).toBe("exact");
    expect(changed?.get("51847-2")).toMatchObject({ copied: "near", copyKey: original?.get("51847-2")?.contentHash });
    expect([...(stranger?.values() ?? [])].map(({ copied }) => copied)).toEqual([null, null, null, null]);
  });

  it("take over the vector of what they repeat", async () => {
    const patient = "hospital|4713";
    const [original] = (await chunksOf(await ingest(note, { patient }))).slice(1);
    // One that no embedder would give.
    const marked = `[${Array.from({ length: 384 }, (_, i) => (i === 7 ? 1 : 0)).join(",")}]`;
    await pipeline.supabase.query("update sluice.embeddings set embedding = $2 where chunk_id = $1", [
      original?.id,
      marked,
    ]);
    const [, copy] = await chunksOf(await ingest(`${note}\nAddendum:\nNone.\n`, { patient }));
    const [taken] = await pipeline.supabase.query<{ vector: string }>(
      "select embedding::text as vector from sluice.embeddings where chunk_id = $1",
      [copy?.id],
    );
    expect(taken?.vector).toBe(marked);
  });

  it("of a table are whole rows under its headings", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => `2025-02-01,glucose,${100 + i},mg/dl`);
    const chunks = await chunksOf(await ingest(["day,test,value,unit", ...rows].join("\n"), { mediaType: "text/csv" }));
    expect(chunks.length).toBeGreaterThan(5);
    expect(new Set(chunks.map(({ strategy }) => strategy))).toEqual(new Set(["table"]));
    for (const { prefix } of chunks.slice(1)) expect(prefix).toContain("test");
    const lines = chunks.flatMap(({ text }) => text.split("\n"));
    expect(lines).toHaveLength(301);
    for (const line of lines.slice(1)) expect(line).toMatch(/^2025-02-01,glucose,\d{3},mg\/dl$/);
  });
});
