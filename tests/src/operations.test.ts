import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

let pipeline: Pipeline;
let scope: Scope;
beforeAll(async () => {
  pipeline = await createPipeline({ HEARTBEAT_INTERVAL_MS: "200" });
  scope = await pipeline.organization();
  await pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(() => pipeline?.destroy());

/** The value of a series, by its name and labels as they are exposed. */
async function value(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const found = (await pipeline.metrics.registry.metrics()).split("\n").find((line) => {
    const [series = ""] = line.split(" ");
    return (
      (series === name || series.startsWith(`${name}{`)) &&
      Object.entries(labels).every(([label, text]) => series.includes(`${label}="${text}"`))
    );
  });
  return found === undefined ? undefined : Number(found.split(" ")[1]);
}
const generation = async () =>
  (
    await pipeline.supabase.query<{ generation: number; status: string }>(
      "select generation, status from sluice.ingestions where organization_id = sluice.heartbeat_organization()",
    )
  )[0];
const workloadOf = async (ingestionId: string) =>
  (
    await pipeline.supabase.query<{ workload: string }>("select workload from sluice.ingestions where id = $1", [
      ingestionId,
    ])
  )[0]?.workload;

describe("the heartbeat", () => {
  it("goes through the whole pipeline again and again, and its age is a metric", async () => {
    await until(async () => ((await generation())?.generation ?? 0) >= 3);
    await until(async () => ((await value("sluice_heartbeat_age_seconds")) ?? 1e9) < 60);
    const { ageSeconds } = await pipeline.store.supervision.heartbeat();
    expect(ageSeconds).toBeGreaterThanOrEqual(0);
  });

  it("leaves nothing behind: one document, one acceptance, no events, no objects but the last", async () => {
    await until(async () => ((await generation())?.generation ?? 0) >= 3);
    const [left] = await pipeline.supabase.query(
      `select (select count(*) from sluice.documents where organization_id = h)::integer as documents,
         (select count(*) from sluice.acceptances where organization_id = h)::integer as acceptances,
         (select count(*) from sluice.document_events where organization_id = h)::integer as events,
         (select count(*) from sluice.usage_events where organization_id = h and tokens > 0)::integer as paid
       from sluice.heartbeat_organization() h`,
    );
    expect(left).toEqual({ documents: 1, acceptances: 1, events: 0, paid: 0 });
    await until(async () => {
      const [{ n } = { n: 0 }] = await pipeline.supabase.query<{ n: number }>(
        "select count(*)::integer as n from storage.objects where name like sluice.heartbeat_organization() || '/%'",
      );
      return n <= 3;
    });
  });

  it("is in nobody's ledger, nor among the organizations, nor in what is counted of all", async () => {
    await until(async () => ((await generation())?.generation ?? 0) >= 2);
    const [{ id } = { id: "" }] = await pipeline.supabase.query<{ id: string }>(
      "select sluice.heartbeat_organization() as id",
    );
    const listed = await pipeline.store.tenancy.listOrganizations(null);
    expect(listed.map((each) => each.id)).toEqual([scope.organizationId]);
    expect((await pipeline.store.supervision.stats()).counts).toEqual({});
    expect(await pipeline.store.supervision.checkLedger(id)).toEqual([]);
    expect((await pipeline.store.supervision.ledger(id)).imbalance).toBe(0);
    expect((await pipeline.store.supervision.ledger(scope.organizationId)).accepted).toBe(0);
  });
});

describe("what somebody waits for", () => {
  it("is told apart from what comes in a batch or is run again", async () => {
    const alone = await pipeline.submit(scope, "Somebody waits for this.");
    const batch = await pipeline.supabase.query<{ id: string }>(
      "insert into sluice.batches (organization_id, name) values ($1, 'b') returning id",
      [scope.organizationId],
    );
    const inBatch = await pipeline.submit(scope, "Nobody waits for this.", { batchId: batch[0]?.id });
    await pipeline.drain(scope);
    const again = await pipeline.store.intake.reprocess(scope, alone.documentId);
    await pipeline.drain(scope);
    expect(await workloadOf(alone.ingestionId)).toBe("interactive");
    expect(await workloadOf(inBatch.ingestionId)).toBe("backfill");
    expect(await workloadOf(again.ingestionId)).toBe("backfill");
    expect(await value("sluice_time_to_searchable_seconds_count", { workload: "interactive" })).toBe(1);
    expect(await value("sluice_queue_wait_seconds_count", { stage: "parse", workload: "interactive" })).toBe(1);
    expect(await value("sluice_job_duration_seconds_count", { stage: "chunk", workload: "backfill" })).toBeGreaterThan(
      1,
    );
    const inTime = await value("sluice_searchable_total", { workload: "interactive", outcome: "in_time" });
    const late = await value("sluice_searchable_total", { workload: "interactive", outcome: "late" });
    expect((inTime ?? 0) + (late ?? 0)).toBe(1);
  });

  it("is a backfill once it is taken up again after it failed", async () => {
    const failed = await pipeline.submit(scope, Buffer.from("%PDF-1.7 broken"));
    await pipeline.drain(scope);
    await pipeline.supabase.query(
      "select sluice.resume(i) from sluice.ingestions i where id = $1 and status = 'failed'",
      [failed.ingestionId],
    );
    expect(await workloadOf(failed.ingestionId)).toBe("backfill");
    await pipeline.drain(scope);
  });

  it("is overdue after its time, and old while it waits", async () => {
    const { store, supabase } = pipeline;
    const other = await pipeline.organization("other");
    await supabase.query(
      "insert into sluice.circuit_breakers (queue, organization_id, cause, code, state, retry_at) values ('chunk', $1, 'failures', 'stage_failing', 'open', now() + interval '1 day')",
      [other.organizationId],
    );
    const { ingestionId } = await pipeline.submit(other, "This one is held up.");
    await until(async () => {
      const [row] = await supabase.query<{ at: unknown }>(
        "select 1 as at from sluice.ingestions where id = $1 and next_queue = 'chunk' and dispatched_at is null",
        [ingestionId],
      );
      return row !== undefined;
    });
    expect((await store.supervision.stats()).overdue).toBe(0);
    await supabase.query(
      "update sluice.ingestions set accepted_at = now() - interval '5 minutes', dispatch_after = now() - interval '5 minutes' where id = $1",
      [ingestionId],
    );
    const { overdue, backlog } = await store.supervision.stats();
    expect(overdue).toBe(1);
    expect(backlog.find((each) => each.queue === "chunk")?.oldestInteractiveSeconds).toBeGreaterThanOrEqual(300);
    await supabase.query("update sluice.circuit_breakers set cause = 'operator', retry_at = null");
    // What somebody paused is not old.
    expect((await store.supervision.stats()).backlog.map((each) => each.oldestSeconds)).toEqual([0, 0, 0, 0]);
  });
});

describe("what is measured of what it needs", () => {
  it("is the time of Supabase's calls by operation, the memory of Redis, the slots of workers and the disk", async () => {
    await until(async () => ((await value("sluice_redis_memory_ratio")) ?? 0) > 0);
    expect(
      await value("sluice_supabase_request_duration_seconds_count", { operation: "sluice_begin_stage", outcome: "ok" }),
    ).toBeGreaterThan(0);
    expect(
      await value("sluice_supabase_request_duration_seconds_count", { operation: "storage.download", outcome: "ok" }),
    ).toBeGreaterThan(0);
    expect(await value("sluice_worker_slots", { queue: "embed" })).toBeGreaterThan(0);
    expect(await value("sluice_worker_slots_busy", { queue: "embed" })).toBeGreaterThanOrEqual(0);
    await until(async () => ((await value("sluice_disk_free_ratio")) ?? 0) > 0);
    expect(await value("sluice_supervisor_leads")).toBe(1);
  });

  it("shows in how long the next key that is used expires", async () => {
    const { store, supabase } = pipeline;
    expect((await store.supervision.stats()).keyExpirySeconds).toBeNull();
    const expiresAt = new Date(Date.now() + 3_600_000);
    const { key } = await store.apiKeys.asOperator.create({
      organizationId: scope.organizationId,
      name: "ends",
      scopes: [],
      expiresAt,
    });
    await store.apiKeys.authenticate(key);
    await supabase.query("update sluice.api_keys set last_used_at = now() where name = 'ends'");
    const seconds = (await store.supervision.stats()).keyExpirySeconds ?? 0;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(3_600);
  });
});
