import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Scope, StoredUpload } from "@sluice/store";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// Many callers at once, and none may be told that the database gave up on it (a deadlock's victim is). On a PostgreSQL with many sessions
// (SLUICE_TEST_POSTGRES_URL) the calls overlap; on the embedded one they come in any order.

let pipeline: Pipeline;
let scope: Scope;
beforeAll(async () => {
  pipeline = await createPipeline({ IN_FLIGHT_WINDOW: "1000" });
});
afterAll(() => pipeline?.destroy());

const upload = (text: string, more: Partial<StoredUpload> = {}): StoredUpload => ({
  objectPath: `${scope.organizationId}/${randomUUID()}`,
  contentHash: createHash("sha256").update(text).digest("hex"),
  byteLength: text.length,
  declaredType: null,
  mediaType: "text/plain",
  fileName: null,
  ...more,
});
const shuffled = <T>(items: T[]) => [...items].sort(() => Math.random() - 0.5);
const accept = (uploads: StoredUpload[]) => pipeline.store.intake.accept(scope, uploads, 1000);

/** What the tallies say, and what counting says. */
async function counts() {
  const { rows, tallied } = (
    await pipeline.supabase.query<{ rows: Record<string, number>; tallied: Record<string, number> }>(
      `select sluice.tally($1) as tallied, (select jsonb_object_agg(measure, n) from (
         select coalesce(next_queue, status) as measure, count(*) as n from sluice.ingestions where organization_id = $1 group by 1
         union all select 'accepted', count(*) from sluice.acceptances where organization_id = $1 having count(*) > 0
         union all select 'submitted', count(*) from sluice.acceptances where organization_id = $1 and origin = 'upload' having count(*) > 0
         union all select 'duplicate', count(*) from sluice.duplicate_receipts where organization_id = $1 having count(*) > 0
         union all select 'deleted', count(*) from sluice.tombstones where organization_id = $1 having count(*) > 0
         union all select 'dead/' || stage || '/' || code, count(*) from sluice.dead_letters where organization_id = $1 group by stage, code) c) as rows`,
      [scope.organizationId],
    )
  )[0] as { rows: Record<string, number>; tallied: Record<string, number> };
  return { rows, tallied };
}

it("takes the same documents from many senders in any order, once each", async () => {
  scope = await pipeline.organization();
  const texts = Array.from({ length: 20 }, (_, i) => `Sent by many, ${i}.`);
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => accept(shuffled(texts).map((text) => upload(text)))),
  );
  const outcomes = answers.flat().map((answer) => answer.outcome);
  expect(outcomes.filter((outcome) => outcome === "accepted")).toHaveLength(20);
  expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(220);
  const { rows, tallied } = await counts();
  expect(tallied).toEqual(rows);
});

it("seals, fails, cancels and deletes parents and children at once without a deadlock, and every count holds", async () => {
  scope = await pipeline.organization();
  const { store } = pipeline;
  for (let round = 0; round < 4; round++) {
    const batch = await store.reading.createBatch(scope, `round ${round}`);
    const parents = await accept(
      Array.from({ length: 8 }, (_, i) => upload(`Parent ${round}.${i}`, { batchId: batch.id })),
    );
    const ids = parents.flatMap((parent) => ("documentId" in parent ? [parent] : []));
    const work = ids.map(({ ingestionId }) => ({ organizationId: scope.organizationId, ingestionId, generation: 1 }));
    const seal = async (each: (typeof work)[number], i: number) => {
      const held = await take(pipeline, "parse", each, `worker-${i}`);
      await store.work.putParsed(held, 0, onlySections(sectionsOf(["A parent's text."])));
      const children = Array.from({ length: 3 }, (_, n) => ({
        ...upload(`Child ${round}.${i}.${n}`),
        path: `part[${n}]`,
      }));
      await store.work.sealParse(held, `worker-${i}`, { ...parsed(1, 1, 16), children });
    };
    const act = (action: "pause" | "cancel" | "retry") => store.reading.batchAction(scope, batch.id, action);
    // Half of the parents are sealed with their children while the batch is looked after; then all is ended in every way at once.
    await Promise.all([
      ...work.slice(0, 4).map((each, i) => seal(each, i)),
      act("retry"),
      store.supervision.foldTallies(1_000),
    ]);
    const waiting = await pipeline.supabase.query<{ id: string; queue: "parse" | "chunk"; generation: number }>(
      "select id, next_queue as queue, generation from sluice.ingestions where batch_id = $1 and next_queue is not null",
      [batch.id],
    );
    const fail = async (each: (typeof waiting)[number]) => {
      const held = { organizationId: scope.organizationId, ingestionId: each.id, generation: each.generation };
      const options = { leaseMs: 30_000, maxDeaths: 3 };
      const [begun] = await store.work.begin(each.queue, [held], `worker-${each.id}`, options);
      if (begun?.outcome !== "started") return;
      await store.work.fail(begun, `worker-${each.id}`, {
        code: "document_corrupt",
        maxAttempts: 1,
        delayMs: 0,
        durationMs: 1,
      });
    };
    await Promise.all([
      ...shuffled(waiting).map(fail),
      ...shuffled(ids).map(({ documentId }, i) =>
        i % 3 === 0 ? store.intake.deleteDocument(scope, documentId) : undefined,
      ),
      act("cancel"),
      store.supervision.cancelStep(100),
      store.supervision.foldTallies(1_000),
      accept(shuffled(ids.map((_, i) => upload(`Parent ${round}.${i}`)))),
    ]);
    for (;;) if (!(await act("cancel")).more) break;
    const { rows, tallied } = await counts();
    expect(tallied).toEqual(rows);
  }
  expect(await store.supervision.ledger(scope.organizationId)).toMatchObject({ imbalance: 0 });
  expect(await store.supervision.checkLedger(scope.organizationId)).toEqual([]);
  while ((await store.supervision.foldTallies(1_000)) > 0);
  const { rows, tallied } = await counts();
  expect(tallied).toEqual(rows);
});
