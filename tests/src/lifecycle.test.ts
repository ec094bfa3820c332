import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { settled, until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

const base64 = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
const binary = (contentType: string, data: unknown) => ({
  resource: { resourceType: "Binary", contentType, data: base64(data) },
});

/** A container without text of its own; in it a note, and a document with text and an attachment of its own. */
const family = (word: string) =>
  JSON.stringify({
    resourceType: "Bundle",
    type: "collection",
    entry: [
      binary("text/plain", `The first attachment says ${word} alpha.`),
      binary("application/fhir+json", {
        resourceType: "DiagnosticReport",
        status: "final",
        code: { text: "Echocardiogram" },
        conclusion: `The second attachment says ${word} beta.`,
        presentedForm: [{ contentType: "text/plain", data: base64(`The innermost attachment says ${word} gamma.`) }],
      }),
    ],
  });
const asFhir = { mediaType: "application/fhir+json", fileName: "bundle.json" };

let pipeline: Pipeline;
const sql = <T>(text: string, params: unknown[] = []) => pipeline.supabase.query<T>(text, params);

interface Member {
  id: string;
  path: string | null;
  derived: string | null;
  depth: number;
  status: string;
  batch: string | null;
  chunks: number;
  active: boolean;
  reading: string | null;
}
/** A document and all that was found in it, outermost first. */
const members = (documentId: string) =>
  sql<Member>(
    `with recursive tree as (
       select * from sluice.documents where id = $1
       union all select c.* from sluice.documents c join tree t on c.parent_id = t.id)
     select t.id, t.member_path as path, sluice.child_id(t.parent_ingestion_id, t.member_path) as derived, t.depth, i.status,
       i.batch_id as batch, i.chunk_count as chunks, i.active, t.parent_ingestion_id as reading
     from tree t join sluice.ingestions i on i.document_id = t.id order by t.depth, t.member_path, i.revision`,
    [documentId],
  );
async function visible(scope: Scope, query: string): Promise<string[]> {
  const found = await pipeline.store.reading.search(
    scope,
    { query, mode: "keyword", k: 50, filter: {} },
    { vector: null, model: "local/lexical-v1/384", queryHash: "h" },
  );
  if (found.outcome !== "ok") throw new Error(found.outcome);
  return [...new Set(found.hits.map((hit) => hit.document.id))].sort();
}
const balanced = async (scope: Scope) => {
  expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({ imbalance: 0, inFlight: 0 });
  expect(await pipeline.store.supervision.checkLedger(scope.organizationId)).toEqual([]);
};

let large: Scope;
let small: Scope;
beforeAll(async () => {
  pipeline = await createPipeline({ IN_FLIGHT_WINDOW: "4" });
  [large, small] = [await pipeline.organization("large"), await pipeline.organization("small")];
  for (let i = 0; i < 60; i++) await pipeline.submit(large, `Large ${i}.`);
  for (let i = 0; i < 5; i++) await pipeline.submit(small, `Small ${i}.`);
  await pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(() => pipeline?.destroy());

it("lets a small organization finish before a large one that came first, and never exceeds a window", async () => {
  let most = 0;
  await until(async () => {
    const rows = await sql<{ n: number }>(
      `select count(*)::integer as n from sluice.ingestions where organization_id = any ($1)
       and dispatched_at is not null and next_queue is not null group by organization_id`,
      [[large.organizationId, small.organizationId]],
    );
    most = Math.max(most, ...rows.map((row) => row.n));
    const { inFlight } = await pipeline.store.supervision.ledger(large.organizationId);
    return inFlight === 0;
  });
  await settled(pipeline, small);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(4);
  const [order] = await sql<{ before: boolean }>(
    `select (select max(finished_at) from sluice.ingestions where organization_id = $1)
      < (select max(finished_at) from sluice.ingestions where organization_id = $2) as before`,
    [small.organizationId, large.organizationId],
  );
  expect(order).toEqual({ before: true });
});

it("completes a batch when it is sealed and all that came is final, duplicates included, and says what did not come", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "complete", 4);
  const more = { batchId: batch.id };
  await pipeline.submit(scope, "One.", more);
  await pipeline.submit(scope, "%PDF-1.7 damaged", { ...more, mediaType: "application/pdf" });
  expect(await pipeline.submit(scope, "One.", more)).toMatchObject({ outcome: "duplicate" });
  await settled(pipeline, scope);
  expect(await pipeline.store.reading.batch(scope, batch.id)).toMatchObject({ complete: false, duplicates: 1 });
  const sealed = await pipeline.store.reading.batchAction(scope, batch.id, "seal");
  expect(sealed.batch).toMatchObject({ complete: true, submitted: 3, expected: 4, short: 1 });
  await expect(pipeline.submit(scope, "Two.", more)).rejects.toThrow("batch_closed");
  const corrected = await pipeline.store.reading.batchAction(scope, batch.id, "seal", { expected: 3 });
  expect(corrected.batch).toMatchObject({
    complete: true,
    short: 0,
    counts: { vectorized: 1, failed: 1 },
    sealedAt: sealed.batch.sealedAt,
  });
});

it("shows what was said of a revision when readers get it, not before", async () => {
  const scope = await pipeline.organization();
  const named = (fileName: string, tags: string[], metadata: Record<string, string>) => ({
    externalId: "report-1",
    fileName,
    tags,
    metadata,
  });
  const { documentId } = await pipeline.submit(scope, "Version one.", named("one.txt", ["a"], { ward: "3", bed: "1" }));
  await settled(pipeline, scope);
  const first = await pipeline.store.reading.document(scope, documentId);
  const next = await pipeline.submit(scope, "Version two, longer.", named("two.txt", [], { bed: "2" }), {
    enqueue: false,
  });
  await sql(
    "update sluice.ingestions set dispatched_at = null, dispatch_after = now() + interval '1 hour' where id = $1",
    [next.ingestionId],
  );
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({
    revision: 2,
    activeRevision: 1,
    status: "uploaded",
    fileName: "one.txt",
    tags: ["a"],
    metadata: { ward: "3", bed: "1" },
    byteLength: first.byteLength,
    counts: first.counts,
    header: first.header,
  });
  expect((await pipeline.store.reading.documents(scope, { fileName: "two.txt" }, null, 10)).items).toEqual([]);
  await sql("update sluice.ingestions set dispatch_after = now() where id = $1", [next.ingestionId]);
  await settled(pipeline, scope);
  // What is not said anew still holds.
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({
    activeRevision: 2,
    fileName: "two.txt",
    tags: ["a"],
    metadata: { ward: "3", bed: "2" },
    byteLength: "Version two, longer.".length,
  });
});

it("accepts what is found in a document into its batch, at any depth, under ids that are derived", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "family");
  const parent = await pipeline.submit(scope, family("parsnip"), { ...asFhir, batchId: batch.id });
  await settled(pipeline, scope);
  const [container, ...found] = await members(parent.documentId);
  expect(container).toMatchObject({ status: "vectorized", chunks: 0, active: true, depth: 0 });
  expect(found.map(({ depth, status, batch: into, active }) => ({ depth, status, into, active }))).toEqual(
    [1, 1, 2].map((depth) => ({ depth, status: "vectorized", into: batch.id, active: true })),
  );
  for (const child of found) expect(child.id).toBe(child.derived);
  expect(await visible(scope, "parsnip")).toEqual(found.map((child) => child.id).sort());
  expect(await pipeline.store.reading.batch(scope, batch.id)).toMatchObject({
    submitted: 1,
    counts: { vectorized: 4 },
  });
  await balanced(scope);
});

it("shows the old reading with its children until the new one is whole, then exactly the new", async () => {
  const scope = await pipeline.organization();
  const { documentId } = await pipeline.submit(scope, family("quince"), asFhir);
  await settled(pipeline, scope);
  const old = await visible(scope, "quince");
  expect(old).toHaveLength(3);
  const { revision } = await pipeline.store.intake.reprocess(scope, documentId);
  expect(revision).toBe(2);
  const seen = new Set<string>();
  const look = async () => {
    const now = await visible(scope, "quince");
    seen.add(now.join());
    return now.join() !== old.join();
  };
  await until(look);
  await settled(pipeline, scope);
  await look();
  const fresh = (await members(documentId)).filter((each) => each.active && each.depth > 0).map((each) => each.id);
  expect(fresh).toHaveLength(3);
  expect([...seen]).toEqual([old.join(), fresh.sort().join()]);
  const listed = await pipeline.store.reading.documents(scope, { parentId: documentId }, null, 50);
  const inner = (await members(documentId)).filter((each) => each.active && each.depth === 1).map((each) => each.id);
  expect(listed.items.map(({ id }) => id).sort()).toEqual(inner.sort());
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({ activeRevision: 2 });
  await balanced(scope);
});

it("shows a new reading although one of its children failed", async () => {
  const scope = await pipeline.organization();
  const bundle = (word: string) =>
    JSON.stringify({
      resourceType: "Bundle",
      entry: [binary("text/plain", `Only ${word}.`), binary("application/pdf", "%PDF-1.7 damaged")],
    });
  const sent = { ...asFhir, externalId: "family-1" };
  const { documentId } = await pipeline.submit(scope, bundle("medlar"), sent);
  await settled(pipeline, scope);
  expect(await visible(scope, "medlar")).toHaveLength(1);
  await pipeline.submit(scope, bundle("rowan"), sent);
  await settled(pipeline, scope);
  expect(await visible(scope, "medlar")).toEqual([]);
  expect(await visible(scope, "rowan")).toHaveLength(1);
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({ activeRevision: 2 });
  await balanced(scope);
});

it("erases a document with its children, all that was derived and all that is stored, and leaves tombstones", async () => {
  const scope = await pipeline.organization();
  const { documentId } = await pipeline.submit(scope, family("sorrel"), asFhir);
  await settled(pipeline, scope);
  await pipeline.store.intake.reprocess(scope, documentId);
  await settled(pipeline, scope);
  const ids = await sql<{ id: string; path: string }>(
    "select id, object_path as path from sluice.ingestions where organization_id = $1",
    [scope.organizationId],
  );
  expect(ids).toHaveLength(8);
  const { objects } = await pipeline.store.intake.deleteDocument(scope, documentId);
  expect(objects.sort()).toEqual([...new Set(ids.map((each) => each.path))].sort());
  expect(await visible(scope, "sorrel")).toEqual([]);
  await balanced(scope);
  expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({ accepted: 8, deleted: 8 });

  // Every table that knows of ingestions, but for those that say what happened.
  const kept = ["acceptances", "document_events", "duplicate_receipts", "tombstones"];
  const tables = await sql<{ name: string }>(
    `select table_name as name from information_schema.columns
     where table_schema = 'sluice' and column_name = 'ingestion_id' and table_name <> all ($1)`,
    [kept],
  );
  expect(tables.length).toBeGreaterThan(7);
  for (const { name } of tables) {
    const rows = await sql(`select 1 from sluice.${name} where ingestion_id = any ($1)`, [ids.map((each) => each.id)]);
    expect({ name, rows }).toEqual({ name, rows: [] });
  }
  for (const name of ["documents", "ingestions", "chunks", "embeddings", "patients"]) {
    const rows = await sql(`select 1 from sluice.${name} where organization_id = $1`, [scope.organizationId]);
    expect({ name, rows }).toEqual({ name, rows: [] });
  }
  await until(
    async () =>
      (await sql("select 1 from sluice.erasures where organization_id = $1", [scope.organizationId])).length === 0,
  );
  for (const path of objects) {
    await expect(pipeline.store.objects.download(path)).rejects.toMatchObject({ code: "original_missing" });
  }
  expect(await sql("select 1 from storage.objects where name = any ($1)", [objects])).toEqual([]);

  const again = await pipeline.store.intake.deleteDocument(scope, documentId);
  expect(again).toEqual({ outcome: "deleted", objects: [], jobs: [] });
  const stranger = await pipeline.organization();
  await expect(pipeline.store.intake.deleteDocument(stranger, documentId)).rejects.toMatchObject({
    code: "not_found",
  });
});

it("deletes a document in the middle of the pipeline without a trace", async () => {
  const scope = await pipeline.organization();
  const sent = [];
  for (let i = 0; i < 12; i++) sent.push(await pipeline.submit(scope, family(`tansy${i}`), asFhir));
  for (const { documentId } of sent) await pipeline.store.intake.deleteDocument(scope, documentId);
  await settled(pipeline, scope);
  await balanced(scope);
  expect(await sql("select 1 from sluice.documents where organization_id = $1", [scope.organizationId])).toEqual([]);
  const { accepted, deleted } = await pipeline.store.supervision.ledger(scope.organizationId);
  expect(deleted).toBe(accepted);
});

it("resumes a paused batch to its end", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "rest");
  for (let i = 0; i < 12; i++) await pipeline.submit(scope, `Rest ${i}.`, { batchId: batch.id });
  await pipeline.store.reading.batchAction(scope, batch.id, "pause");
  // What was under way goes on to its next stage and waits there.
  await until(
    async () =>
      (await sql("select 1 from sluice.ingestions where batch_id = $1 and dispatched_at is not null", [batch.id]))
        .length === 0,
  );
  const { inFlight } = await pipeline.store.reading.batch(scope, batch.id);
  expect(inFlight).toBeGreaterThan(0);
  await pipeline.store.reading.batchAction(scope, batch.id, "resume");
  await settled(pipeline, scope);
  expect(await pipeline.store.reading.batch(scope, batch.id)).toMatchObject({ counts: { vectorized: 12 } });
  await balanced(scope);
});
