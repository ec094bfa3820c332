import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { connectPostgres, type Scope } from "@sluice/store";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// No service runs here: what the database promises is tried call by call.

let pipeline: Pipeline;
const sql = <T>(text: string, params: unknown[] = []) => pipeline.supabase.query<T>(text, params);
const balanced = async (scope: Scope) => {
  expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({ imbalance: 0, inFlight: 0 });
  expect(await pipeline.store.supervision.checkLedger(scope.organizationId)).toEqual([]);
};

beforeAll(async () => {
  pipeline = await createPipeline({ IN_FLIGHT_WINDOW: "4" });
});
afterAll(() => pipeline?.destroy());

it("drops the jobs of a document that is deleted while it waits", async () => {
  const scope = await pipeline.organization();
  const { documentId } = await pipeline.submit(scope, "Deleted while waiting.");
  const { jobs } = await pipeline.store.intake.deleteDocument(scope, documentId);
  expect(jobs).toHaveLength(1);
  expect(await pipeline.producer.has(jobs)).toEqual([true]);
  await pipeline.producer.remove(jobs);
  expect(await pipeline.producer.has(jobs)).toEqual([false]);
  await balanced(scope);
});

it("leaves nothing of a document that is deleted while a stage is at work on it", async () => {
  const scope = await pipeline.organization();
  const { ingestionId, documentId } = await pipeline.submit(scope, "Deleted meanwhile.", {}, { enqueue: false });
  const work = { organizationId: scope.organizationId, ingestionId, generation: 1 };
  const sections = sectionsOf(["One.", "Two."]);
  await take(pipeline, "parse", work, "worker");
  await pipeline.store.work.putParsed(work, 0, onlySections(sections.slice(0, 1)));
  await pipeline.store.intake.deleteDocument(scope, documentId);
  expect(await pipeline.store.work.putParsed(work, 1, onlySections(sections.slice(1)))).toBe("stale");
  expect(await pipeline.store.work.sealParse(work, "worker", parsed(2, 2))).toEqual({ outcome: "stale" });
  expect(await pipeline.store.work.handBack([work], "worker", 0)).toBe(0);
  expect(await sql("select 1 from sluice.sections where ingestion_id = $1", [ingestionId])).toEqual([]);
  await balanced(scope);
});

it("does not dispatch what is in a paused batch, and gives back what was under way", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "paused");
  const early = await pipeline.submit(scope, "Before the pause.", { batchId: batch.id }, { enqueue: false });
  expect(early.job).not.toBeNull();
  await pipeline.store.reading.batchAction(scope, batch.id, "pause");
  const late = await pipeline.submit(scope, "After the pause.", { batchId: batch.id }, { enqueue: false });
  expect(late.job).toBeNull();
  const work = { organizationId: scope.organizationId, ingestionId: early.ingestionId, generation: 1 };
  const [begun] = await pipeline.store.work.begin("parse", [work], "worker", { leaseMs: 1_000, maxDeaths: 3 });
  expect(begun).toEqual({ outcome: "paused" });
  expect(await pipeline.store.supervision.dispatch(100, 64, [scope.organizationId])).toEqual([]);
  await pipeline.store.reading.batchAction(scope, batch.id, "resume");
  const jobs = await pipeline.store.supervision.dispatch(100, 64, [scope.organizationId]);
  expect(jobs.map((job) => job.ingestionId).sort()).toEqual([early.ingestionId, late.ingestionId].sort());
});

it("cancels a batch with all that is waiting and under way, step by step, and takes the same bytes anew", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "cancelled");
  const more = { batchId: batch.id };
  const busy = await pipeline.submit(scope, "Under way.", more, { enqueue: false });
  for (const i of [1, 2, 3]) await pipeline.submit(scope, `Waiting ${i}.`, more, { enqueue: false });
  const work = { organizationId: scope.organizationId, ingestionId: busy.ingestionId, generation: 1 };
  await take(pipeline, "parse", work, "worker");
  const first = await pipeline.store.reading.batchAction(scope, batch.id, "cancel", { limit: 1 });
  expect(first).toMatchObject({ more: true, batch: { inFlight: 3 } });
  expect(await pipeline.store.supervision.dispatch(100, 64, [scope.organizationId])).toEqual([]);
  expect(await pipeline.store.supervision.cancelStep(100)).toBe(3);
  expect(await pipeline.store.work.putParsed(work, 0, onlySections(sectionsOf(["Late."])))).toBe("stale");
  expect(await pipeline.store.reading.batch(scope, batch.id)).toMatchObject({
    counts: { cancelled: 4 },
    inFlight: 0,
    finished: 4,
  });
  await balanced(scope);
  await expect(pipeline.submit(scope, "Too late.", more)).rejects.toThrow("batch_closed");
  const anew = await pipeline.submit(scope, "Under way.", {}, { enqueue: false });
  expect(anew).toMatchObject({ outcome: "revision", documentId: busy.documentId, keepObject: true });
  await pipeline.store.intake.deleteDocument(scope, busy.documentId);
});

it("retries what failed in a batch at the stage where it failed", async () => {
  const scope = await pipeline.organization();
  const batch = await pipeline.store.reading.createBatch(scope, "retried");
  const { ingestionId } = await pipeline.submit(scope, "Failed once.", { batchId: batch.id }, { enqueue: false });
  const work = { organizationId: scope.organizationId, ingestionId, generation: 1 };
  await take(pipeline, "parse", work, "worker");
  await pipeline.store.work.putParsed(work, 0, onlySections(sectionsOf(["Failed once."])));
  await pipeline.store.work.sealParse(work, "worker", parsed(1, 1, 12));
  await take(pipeline, "chunk", work, "worker");
  const failure = { code: "internal_error", maxAttempts: 1, delayMs: 0, durationMs: 1 };
  expect(await pipeline.store.work.fail(work, "worker", failure)).toBe("dead");
  expect(await pipeline.store.reading.batch(scope, batch.id)).toMatchObject({ counts: { failed: 1 } });
  const retried = await pipeline.store.reading.batchAction(scope, batch.id, "retry");
  expect(retried).toMatchObject({ more: false, batch: { counts: { parsed: 1 }, inFlight: 1 } });
  expect((await pipeline.store.operations.deadLetters(scope, {}, null, 10)).items).toEqual([]);
  expect(await pipeline.store.supervision.dispatch(1, 64, [scope.organizationId])).toEqual([
    expect.objectContaining({ ingestionId, queue: "chunk", generation: 2 }),
  ]);
});

it("hands a parse over to recognition, which keeps its pages through generations and holds up no text", async () => {
  const scope = await pipeline.organization();
  const { work, supervision } = pipeline.store;
  const scans = [];
  for (let i = 0; i < 4; i++) {
    const { ingestionId } = await pipeline.submit(scope, `A fax ${i}.`, {}, { enqueue: false });
    const held = { organizationId: scope.organizationId, ingestionId, generation: 1 };
    await take(pipeline, "parse", held, "worker");
    expect(await work.handOver({ ...held, generation: 2 }, "worker", "ocr", 5)).toEqual({ outcome: "stale" });
    expect(await work.handOver(held, "worker", "ocr", 5)).toEqual({ outcome: "moved" });
    scans.push({ ...held, generation: 2 });
  }
  const jobs = await supervision.dispatch(100, 4, [scope.organizationId]);
  expect(jobs.map(({ queue, generation }) => ({ queue, generation }))).toEqual(
    scans.map(() => ({ queue: "ocr", generation: 2 })),
  );
  // All four places of recognition are taken; text has places of its own.
  const text = await pipeline.submit(scope, "A note.", {}, { enqueue: false });
  expect(text.job).toMatchObject({ queue: "parse" });

  const [scan] = scans;
  if (scan === undefined) throw new Error("nothing was handed over");
  const once = await take(pipeline, "ocr", scan, "ocr-1", { leaseMs: 1 });
  expect(await work.recognised(once, "engine-1", 1)).toBeNull();
  const page = { kind: "ocr" as const, text: "Page one", lines: [], rotation: 90 as const, confidence: 0.8 };
  expect(await work.putRecognised(once, "engine-1", 1, page)).toBe("stored");
  await until(async () =>
    (await supervision.stranded(0, null, 100, [scope.organizationId])).some((each) => each.expired),
  );
  const again = await take(pipeline, "ocr", scan, "ocr-2");
  expect(again.generation).toBe(3);
  expect(await work.putRecognised(once, "engine-1", 2, page)).toBe("stale");
  expect(await work.recognised(again, "engine-1", 1)).toEqual(page);
  expect(await work.recognised(again, "engine-2", 1)).toBeNull();
  await work.putParsed(again, 0, onlySections(sectionsOf(["Page one"])));
  expect(await work.sealParse(again, "ocr-2", parsed(1, 1, 8))).toMatchObject({ outcome: "sealed" });
  expect(await sql("select 1 from sluice.recognised_pages where ingestion_id = $1", [scan.ingestionId])).toEqual([]);
});

it("finds what Storage holds and nothing refers to by walking, step by step and round again", async () => {
  const scope = await pipeline.organization();
  const { objects, supervision } = pipeline.store;
  const kept = await pipeline.submit(scope, "Stays.", {}, { enqueue: false });
  const [original] = await sql<{ path: string }>("select object_path as path from sluice.ingestions where id = $1", [
    kept.ingestionId,
  ]);
  const orphan = `${scope.organizationId}/orphan`;
  await objects.upload(orphan, Readable.from([Buffer.from("left over")]), "text/plain");
  await sql("delete from sluice.cursors");
  const found: string[] = [];
  for (let steps = 0; ; steps++) {
    const { paths, more } = await supervision.orphanedObjects(0, 2);
    found.push(...paths);
    if (!more) break;
    expect(steps).toBeLessThan(1_000);
  }
  expect(found).toContain(orphan);
  expect(found).not.toContain(original?.path);
  const young = await supervision.orphanedObjects(3_600_000, 1_000);
  expect(young).toEqual({ paths: [], more: false });
});

it("gauges what there is without counting rows, and names the ledger that is off", async () => {
  const scope = await pipeline.organization();
  const { ingestionId } = await pipeline.submit(scope, "Counted.", {}, { enqueue: false });
  await sql("update sluice.ingestions set dispatched_at = null where id = $1", [ingestionId]);
  const before = await pipeline.store.supervision.stats();
  expect(before.unbalanced).toEqual([]);
  expect(before.backlog.find(({ queue }) => queue === "parse")?.waiting).toBeGreaterThan(0);
  while ((await pipeline.store.supervision.foldTallies(7)) > 0);
  expect((await pipeline.store.supervision.stats()).counts).toEqual(before.counts);
  await sql("delete from sluice.ingestions where id = $1", [ingestionId]);
  const { unbalanced } = await pipeline.store.supervision.stats();
  expect(unbalanced).toEqual([{ organizationId: scope.organizationId, imbalance: 1 }]);
});

it("fills windows by turns, an organization's first before anybody's second", async () => {
  const [many, few] = [await pipeline.organization("many"), await pipeline.organization("few")];
  const both = [many.organizationId, few.organizationId];
  for (let i = 0; i < 12; i++) await pipeline.submit(many, `Many ${i}.`, {}, { enqueue: false });
  for (let i = 0; i < 2; i++) await pipeline.submit(few, `Few ${i}.`, {}, { enqueue: false });
  await sql("update sluice.ingestions set dispatched_at = null where organization_id = any ($1)", [both]);
  const jobs = await pipeline.store.supervision.dispatch(100, 4, both);
  const ranks = (scope: Scope) =>
    jobs
      .filter((job) => job.organizationId === scope.organizationId)
      .map((job) => job.rank)
      .sort();
  expect({ many: ranks(many), few: ranks(few) }).toEqual({ many: [0, 1, 2, 3], few: [0, 1] });
  expect(await pipeline.store.supervision.dispatch(100, 4, both)).toEqual([]);
  const scarce = [await pipeline.organization(), await pipeline.organization()];
  for (const scope of scarce)
    for (const i of [1, 2, 3]) await pipeline.submit(scope, `Scarce ${i}.`, {}, { enqueue: false });
  const ids = scarce.map((scope) => scope.organizationId);
  await sql("update sluice.ingestions set dispatched_at = null where organization_id = any ($1)", [ids]);
  const turn = await pipeline.store.supervision.dispatch(2, 4, ids);
  expect(new Set(turn.map((job) => job.organizationId)).size).toBe(2);
});

it("reads events by a cursor that what is committed late never falls behind", async () => {
  const { supervision } = pipeline.store;
  const scope = await pipeline.organization();
  let cursor = { ...(await supervision.eventsSince(null)), id: Number.MAX_SAFE_INTEGER };
  const read = async () => {
    const page = await supervision.eventsSince({ xid: cursor.xid, id: cursor.id });
    if (page.events.length > 0) cursor = page as typeof cursor;
    return page.events.filter((event) => event.organizationId === scope.organizationId).map((event) => event.code);
  };
  // What a transaction further on has written, as it is seen while earlier ones are still open.
  const ahead = 6;
  const write = (code: string, offset: number) =>
    sql(
      `insert into sluice.document_events (xid, organization_id, document_id, ingestion_id, kind, status, generation, code)
       select (pg_current_xact_id()::text::bigint + $2)::text::xid8, $1, gen_random_uuid(), gen_random_uuid(), 'accepted', 'uploaded', 1, $3`,
      [scope.organizationId, offset, code],
    );
  await write("ahead", ahead);
  expect(await read()).toEqual([]);
  await write("earlier, committed later", 0);
  expect(await read()).toEqual(["earlier, committed later"]);
  const rest = await until(async () => {
    await write("filler", 0);
    const codes = await read();
    return codes.includes("ahead") && codes;
  });
  expect(rest.filter((code) => code === "ahead")).toHaveLength(1);
  expect((await read()).includes("ahead")).toBe(false);
});

it("shows no event before its transaction is over", async () => {
  const scope = await pipeline.organization();
  const { xid, id } = await pipeline.store.supervision.eventsSince(null);
  const db = await connectPostgres(pipeline.supabase.databaseUrl);
  const seen = async () => {
    const [row] = await db.query<{ n: number }>(
      "select jsonb_array_length(public.sluice_events_since($1, $2, 100)->'events') as n",
      [xid, Math.min(id, Number.MAX_SAFE_INTEGER)],
    );
    return row?.n;
  };
  try {
    await db.exec("begin");
    await db.query(
      `insert into sluice.document_events (organization_id, document_id, ingestion_id, kind, status, generation)
       values ($1, gen_random_uuid(), gen_random_uuid(), 'accepted', 'uploaded', 1)`,
      [scope.organizationId],
    );
    expect(await seen()).toBe(0);
    await db.exec("commit");
    expect(await seen()).toBe(1);
  } finally {
    await db.destroy();
  }
});

it("answers a repeated request with what it answered before, and knows one that is not the same", async () => {
  const { intake } = pipeline.store;
  const { organizationId } = await pipeline.organization();
  const other = await pipeline.organization();
  const begin = (fingerprint: string, staleMs = 60_000, organization = organizationId) =>
    intake.beginRequest(organization, "key", fingerprint, staleMs);
  expect(await begin("a")).toEqual({ outcome: "new" });
  expect(await begin("a")).toEqual({ outcome: "in_progress" });
  expect(await begin("b")).toEqual({ outcome: "reused" });
  expect(await begin("b", 60_000, other.organizationId)).toEqual({ outcome: "new" });
  // Begun and not finished within the time: its gateway died.
  expect(await until(async () => ((await begin("a", 1)).outcome === "new" ? true : undefined))).toBe(true);
  await intake.finishRequest(organizationId, "key", 202, { id: "x" });
  expect(await begin("a")).toEqual({ outcome: "replay", status: 202, response: { id: "x" } });
  expect(await begin("b")).toEqual({ outcome: "reused" });
  await intake.finishRequest(other.organizationId, "key", 0, null);
  expect(await begin("c", 60_000, other.organizationId)).toEqual({ outcome: "new" });
  await sql("update sluice.idempotency_keys set created_at = now() - interval '2 days'");
  await pipeline.store.supervision.expireRequests();
  expect(await begin("b")).toEqual({ outcome: "new" });
});

it("names an ingestion whose row was deleted by SQL", async () => {
  const scope = await pipeline.organization();
  const { ingestionId, documentId } = await pipeline.submit(scope, "Lost by hand.", {}, { enqueue: false });
  await sql("delete from sluice.ingestions where id = $1", [ingestionId]);
  expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({ accepted: 1, imbalance: 1 });
  expect(await pipeline.store.supervision.checkLedger(scope.organizationId)).toEqual([
    expect.objectContaining({ finding: "missing", ingestionId, documentId }),
  ]);
});
