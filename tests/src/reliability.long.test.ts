import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { jobId } from "@sluice/contracts";
import { createProducer, queueConfig } from "@sluice/queue";
import { createLogger, createMetrics, readConfig, type Service } from "@sluice/runtime";
import type { Held, Scope } from "@sluice/store";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { expectWhole, reached, settled, until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";
import { openRawRedis, type RawRedis } from "./support/raw-redis.js";

const note = (i: number, of: string) =>
  `Progress note ${i} of ${of}.\n\n${`Day ${i}: no complaints, wound dry. `.repeat(20)}`;

describe("with no worker running", () => {
  let pipeline: Pipeline;
  let scope: Scope;
  beforeAll(async () => {
    pipeline = await createPipeline();
    scope = await pipeline.organization();
  });
  afterAll(() => pipeline?.destroy());

  async function held(text: string): Promise<Held> {
    const { ingestionId } = await pipeline.submit(scope, text, {}, { enqueue: false });
    return { organizationId: scope.organizationId, ingestionId, generation: 1 };
  }
  const rows = (table: "sections" | "chunks", { ingestionId }: Held) =>
    pipeline.supabase.query<{ generation: number; ordinal: number }>(
      `select generation, ordinal from sluice.${table} where ingestion_id = $1 order by generation, ordinal`,
      [ingestionId],
    );
  /** A worker takes it and is never heard of again. */
  async function vanish(work: Held, worker: string): Promise<void> {
    await take(pipeline, "parse", work, worker, { leaseMs: 1 });
    await until(async () => {
      const [row] = await pipeline.supabase.query<{ over: boolean }>(
        "select lease_until < clock_timestamp() as over from sluice.ingestions where id = $1",
        [work.ingestionId],
      );
      return row?.over;
    });
  }

  it("gives the work of a worker that vanished to the next one under a new generation, and counts the death", async () => {
    const work = await held("Taken over.");
    await vanish(work, "ghost");
    expect(await take(pipeline, "parse", work, "heir")).toMatchObject({ generation: 2, attempt: 1 });
    const [row] = await pipeline.supabase.query("select deaths, attempts from sluice.ingestions where id = $1", [
      work.ingestionId,
    ]);
    expect(row).toEqual({ deaths: 1, attempts: 0 });
  });

  it("tells a second worker that the work is in somebody's hands, and for how long at most", async () => {
    const work = await held("Held.");
    await take(pipeline, "parse", work, "holder");
    const [answer] = await pipeline.store.work.begin("parse", [work], "other", { leaseMs: 1_000, maxDeaths: 3 });
    expect(answer).toMatchObject({ outcome: "busy" });
    expect(answer?.outcome === "busy" && answer.retryAfterMs).toBeGreaterThan(0);
  });

  it("makes a dead letter of a document that workers keep dying on, when the next one would take it", async () => {
    const work = await held("Deadly.");
    for (const ghost of ["first", "second"]) await vanish(work, ghost);
    const [answer] = await pipeline.store.work.begin("parse", [{ ...work, generation: 2 }], "wary", {
      leaseMs: 1_000,
      maxDeaths: 2,
    });
    expect(answer).toEqual({ outcome: "dead" });
    const { items } = await pipeline.store.operations.deadLetters(scope, { code: "worker_lost" }, null, 10);
    expect(items).toContainEqual(expect.objectContaining({ ingestionId: work.ingestionId, stage: "parse" }));
  });

  it("changes nothing for a stale worker, and sweeps what it had written", async () => {
    const { work } = pipeline.store;
    const [sections, stale] = [sectionsOf(["One.", "Two."]), await held("Stale.")];
    await vanish(stale, "slow");
    expect(await work.putParsed(stale, 0, onlySections(sections.slice(0, 1)))).toBe("stored");
    const current = await take(pipeline, "parse", stale, "heir");
    expect(await work.putParsed(current, 0, onlySections(sections))).toBe("stored");

    expect(await work.putParsed(stale, 1, onlySections(sections.slice(1)))).toBe("stale");
    expect(await work.sealParse(stale, "slow", parsed(1, 1))).toEqual({ outcome: "stale" });
    const failure = { code: "internal_error", maxAttempts: 1, delayMs: 0, durationMs: 1 };
    expect(await work.fail(stale, "slow", failure)).toBe("stale");
    expect(await work.handBack([stale], "slow", 0)).toBe(0);
    expect(await work.renew([stale], "slow", 60_000)).toEqual([]);

    expect(await work.sealParse(current, "heir", parsed(1, 2))).toMatchObject({ outcome: "sealed" });
    await pipeline.store.supervision.sweepParts(100);
    expect(await rows("sections", stale)).toEqual([
      { generation: 2, ordinal: 0 },
      { generation: 2, ordinal: 1 },
    ]);
  });

  it("does not let a worker fail work that it has sealed and another stage now holds", async () => {
    const { work } = pipeline.store;
    const mine = await take(pipeline, "parse", await held("Sealed, and the answer lost."), "first");
    await work.putParsed(mine, 0, onlySections(sectionsOf(["Text."])));
    expect(await work.sealParse(mine, "first", parsed(1, 1))).toMatchObject({ outcome: "sealed" });
    const next = await take(pipeline, "chunk", mine, "second");
    const failure = { code: "internal_error", maxAttempts: 1, delayMs: 0, durationMs: 1 };
    expect(await work.fail(mine, "first", failure)).toBe("stale");
    expect(await work.renew([next], "second", 60_000)).toEqual([mine.ingestionId]);
  });

  it("keeps a part that is written twice once, and does not seal with a part missing", async () => {
    const { work } = pipeline.store;
    const mine = await take(pipeline, "parse", await held("Twice."), "worker");
    const [first, second] = sectionsOf(["First.", "Second."]);
    if (first === undefined || second === undefined) throw new Error("sections");
    for (const _ of [1, 2]) expect(await work.putParsed(mine, 0, onlySections([first]))).toBe("stored");
    expect(await work.sealParse(mine, "worker", parsed(2, 2))).toEqual({ outcome: "incomplete" });
    expect(await work.sealParse(mine, "worker", parsed(1, 2))).toEqual({ outcome: "incomplete" });
    await work.putParsed(mine, 1, onlySections([second]));
    expect(await rows("sections", mine)).toEqual([
      { generation: 1, ordinal: 0 },
      { generation: 1, ordinal: 1 },
    ]);
    expect(await work.sealParse(mine, "worker", parsed(2, 2))).toMatchObject({ outcome: "sealed" });
    expect(await work.sealParse(mine, "worker", parsed(2, 2))).toEqual({ outcome: "stale" });
  });
});

describe("through accidents", () => {
  let pipeline: Pipeline;
  let redis: RawRedis;
  let workers: Service[];
  beforeAll(async () => {
    pipeline = await createPipeline({ WORKER_LEASE_MS: "5000", SHUTDOWN_GRACE_MS: "20", SUPERVISOR_LEASE_MS: "1000" });
    redis = openRawRedis(pipeline);
    workers = await pipeline.start("parser", "chunker", "embedder", "supervisor");
  });
  afterAll(async () => {
    await redis?.destroy();
    await pipeline?.destroy();
  });

  /** Documents accepted one after the other, with an accident after each tenth. */
  async function flood(scope: Scope, documents: number, accident: (n: number) => Promise<void>): Promise<void> {
    for (let i = 1; i <= documents; i++) {
      await pipeline.submit(scope, note(i, scope.organizationId));
      if (i % 10 === 0) await accident(i);
    }
  }

  it("loses and doubles nothing when Redis is flushed again and again", async () => {
    const scope = await pipeline.organization();
    await flood(scope, 40, () => redis.flush());
    await until(async () => (await reached(pipeline, scope, "vectorized")) > 10);
    await redis.flush();
    await expectWhole(pipeline, scope, 40);
  });

  it("loses and doubles nothing when Redis is killed and comes back, and accepts documents meanwhile", async () => {
    const scope = await pipeline.organization();
    await flood(scope, 30, async (i) => {
      if (i === 10) await pipeline.redis.kill();
    });
    await expectWhole(pipeline, scope, 30);
  });

  it("accepts documents while Redis can't be reached, and queues them later", async () => {
    const scope = await pipeline.organization();
    const unreachable = createProducer({
      redis: readConfig(queueConfig, { REDIS_URL: "redis://127.0.0.1:1" }),
      prefix: "none",
      logger: createLogger("test", { level: "silent" }),
      metrics: createMetrics("test"),
    });
    for (let i = 0; i < 5; i++) {
      const { outcome, job } = await pipeline.submit(scope, note(i, "an outage"), {}, { enqueue: false });
      expect({ outcome, taken: await unreachable.enqueue(job === null ? [] : [job]) }).toEqual({
        outcome: "accepted",
        taken: 0,
      });
    }
    await unreachable.destroy();
    await expectWhole(pipeline, scope, 5);
  });

  it("loses and doubles nothing when Supabase is killed and comes back, and blames no document for it", async () => {
    const scope = await pipeline.organization();
    await flood(scope, 30, async () => {});
    await until(async () => (await reached(pipeline, scope, "parsed")) > 5);
    pipeline.supabase.kill();
    await expectWhole(pipeline, scope, 30);
    expect(await pipeline.supabase.query("select 1 from sluice.dead_letters")).toEqual([]);
  });

  it("takes up what a vanished worker held, without being asked", async () => {
    const scope = await pipeline.organization();
    const { ingestionId, documentId } = await pipeline.submit(scope, "Orphaned.", {}, { enqueue: false });
    const work = { organizationId: scope.organizationId, ingestionId, generation: 1 };
    await take(pipeline, "parse", work, "ghost", { leaseMs: 300 });
    await expectWhole(pipeline, scope, 1);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events).toContainEqual(expect.objectContaining({ kind: "requeued", code: "worker_lost", worker: "ghost" }));
  });

  it("has one effect of a job that is delivered twice", async () => {
    const scope = await pipeline.organization();
    const { ingestionId, job } = await pipeline.submit(scope, "Delivered twice.", {}, { enqueue: false });
    const payload = { v: 1, organizationId: scope.organizationId, ingestionId, generation: 1 };
    for (const id of ["a", "b", "c"]) await redis.add("parse", `again-${id}`, payload);
    if (job !== null) await pipeline.producer.enqueue([job]);
    await expectWhole(pipeline, scope, 1);
    await until(async () => !(await redis.has("parse", "again-a")) && !(await redis.has("parse", "again-c")));
  });

  it("drops a malformed job and gives its document one that is well formed", async () => {
    const scope = await pipeline.organization();
    const { ingestionId } = await pipeline.submit(scope, "Malformed.", {}, { enqueue: false });
    await redis.add("parse", jobId("parse", { ingestionId, generation: 1 }), { v: 1, ingestionId, name: "Jane Roe" });
    await redis.add("embed", "not-even-an-object", "nonsense");
    await expectWhole(pipeline, scope, 1);
    await until(async () => !(await redis.has("embed", "not-even-an-object")));
    expect(pipeline.logs.join("\n")).not.toContain("Jane Roe");
  });

  it("does not wait for a job that a worker put off by a clock that is days ahead", async () => {
    const scope = await pipeline.organization();
    const { ingestionId, job } = await pipeline.submit(scope, "Put off.", {}, { enqueue: false });
    const id = jobId("parse", { ingestionId, generation: 1 });
    await redis.add("parse", id, { v: 1, ...job }, { delay: 3 * 86_400_000 });
    await expectWhole(pipeline, scope, 1);
  });

  it("hands back a job of a newer version than it knows, and goes on with what it does know", async () => {
    const scope = await pipeline.organization();
    const { ingestionId } = await pipeline.submit(scope, "From the future.");
    await redis.add("parse", "newer", { v: 2, organizationId: scope.organizationId, ingestionId, wish: "unknown" });
    await expectWhole(pipeline, scope, 1);
    expect(await redis.has("parse", "newer")).toBe(true);
  });

  it("loses and doubles nothing when workers are stopped in the middle and others take over", async () => {
    const scope = await pipeline.organization();
    await flood(scope, 30, async () => {});
    await until(async () => (await reached(pipeline, scope, "chunked")) > 3);
    await Promise.all(workers.splice(0, 3).map(pipeline.stop));
    const left = await pipeline.supabase.query(
      "select id from sluice.ingestions where organization_id = $1 and lease_until is not null",
      [scope.organizationId],
    );
    expect(left).toEqual([]);
    workers.unshift(...(await pipeline.start("parser", "chunker", "embedder")));
    await expectWhole(pipeline, scope, 30);
    const blamed = await pipeline.supabase.query(
      "select 1 from sluice.document_events where organization_id = $1 and (kind in ('retrying', 'failed') or code = 'worker_lost')",
      [scope.organizationId],
    );
    expect(blamed).toEqual([]);
  });

  it("has one supervisor that leads, and another that takes over when it stops", async () => {
    const holder = async () => {
      const [row] = await pipeline.supabase.query<{ holder: string; fence: string }>(
        "select holder, fence from sluice.leases where name = 'supervisor' and expires_at > clock_timestamp()",
      );
      return row;
    };
    const first = await until(holder);
    const said = pipeline.logs.length;
    const [second] = await pipeline.start("supervisor");
    expect(pipeline.logs.slice(said).join("\n")).toContain("leadership.standby");
    expect((await until(holder)).holder).toBe(first.holder);
    const leader = workers.pop();
    if (leader === undefined || second === undefined) throw new Error("no supervisor");
    await pipeline.stop(leader);
    const next = await until(async () => {
      const now = await holder();
      return now !== undefined && now.holder !== first.holder && now;
    });
    expect(Number(next.fence)).toBeGreaterThan(Number(first.fence));
    const scope = await pipeline.organization();
    await pipeline.submit(scope, "Under new leadership.", {}, { enqueue: false });
    await expectWhole(pipeline, scope, 1);
    await pipeline.stop(second);
  });

  it("waits for the lease of a leader that vanished, and then leads", async () => {
    const { supervision } = pipeline.store;
    const ghost = await until(() => supervision.acquireLease("supervisor", "ghost", 1_500));
    const scope = await pipeline.organization();
    await pipeline.submit(scope, "Leaderless.", {}, { enqueue: false });
    const said = pipeline.logs.length;
    await pipeline.start("supervisor");
    expect(pipeline.logs.slice(said).join("\n")).toContain("leadership.standby");
    await settled(pipeline, scope);
    await expectWhole(pipeline, scope, 1);
    expect(await supervision.acquireLease("supervisor", "ghost", 1_000)).toBeNull();
    const [lease] = await pipeline.supabase.query<{ fence: string }>("select fence from sluice.leases");
    expect(Number(lease?.fence)).toBeGreaterThan(ghost);
  });
});
