import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { take } from "../support/by-hand.js";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./support.js";

// No worker runs here: documents fail call by call.

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

const sql = <T>(text: string, params: unknown[] = []) => g.pipeline.supabase.query<T>(text, params);
const as = (tenant: Tenant) => ({ key: tenant.key });
const post = (tenant: Tenant, path: string, json: unknown) => g.call(path, { ...as(tenant), method: "POST", json });

async function dead(tenant: Tenant, code = "document_corrupt", text: string = randomUUID(), batchId?: string) {
  const fields: Record<string, string> = batchId === undefined ? {} : { batchId };
  const { body } = await g.upload([{ bytes: text }], fields, as(tenant));
  const { ingestionId, id } = body.documents[0] as { ingestionId: string; id: string };
  await fail(tenant, ingestionId, code);
  return { ingestionId, id };
}
async function fail(tenant: Tenant, ingestionId: string, code: string): Promise<void> {
  const { organizationId } = tenant.scope;
  const [row] = await sql<{ generation: number }>("select generation from sluice.ingestions where id = $1", [
    ingestionId,
  ]);
  const task = await take(g.pipeline, "parse", { organizationId, ingestionId, generation: row?.generation ?? 0 }, "w", {
    version: "4",
  });
  await g.pipeline.store.work.fail(task, "w", { code, maxAttempts: 1, delayMs: 0, durationMs: 7 });
}
const letters = async (tenant: Tenant, query = "") => (await g.call(`/v1/dead-letters${query}`, as(tenant))).body.items;

describe("dead letters", () => {
  it("say what was tried, when and where, and nothing of the document", async () => {
    const tenant = await g.newTenant();
    const { ingestionId } = await dead(tenant);
    expect(await letters(tenant)).toEqual([
      expect.objectContaining({
        ingestionId,
        stage: "parse",
        code: "document_corrupt",
        version: "4",
        state: "open",
        replays: 0,
        poison: false,
        attempts: 1,
        tries: [
          expect.objectContaining({ stage: "parse", attempt: 1, code: "document_corrupt", worker: "w", durationMs: 7 }),
        ],
        title: expect.stringContaining("damaged"),
      }),
    ]);
  });

  it("are filtered by stage, code, version, batch, age and state", async () => {
    const tenant = await g.newTenant();
    const { body: batch } = await post(tenant, "/v1/batches", { name: "b" });
    const one = await dead(tenant, "document_corrupt");
    const two = await dead(tenant, "document_empty", randomUUID(), batch.id);
    const found = async (query: string) =>
      (await letters(tenant, query)).map((each: { ingestionId: string }) => each.ingestionId);
    expect(await found("?code=document_empty")).toEqual([two.ingestionId]);
    expect(await found(`?batch=${batch.id}`)).toEqual([two.ingestionId]);
    expect(await found("?version=4")).toEqual([two.ingestionId, one.ingestionId]);
    expect(await found("?version=5")).toEqual([]);
    expect(await found("?stage=chunk")).toEqual([]);
    expect(await found("?state=discarded")).toEqual([]);
    expect(await found("?before=2020-01-01T00:00:00Z")).toEqual([]);
    expect(await found("?after=2020-01-01T00:00:00Z")).toHaveLength(2);
    expect(await found("?poison=true")).toEqual([]);
    expect((await g.call("/v1/dead-letters?before=yesterday", as(tenant))).status).toBe(400);
  });

  it("are replayed by name: a new generation goes on at the stage that failed", async () => {
    const tenant = await g.newTenant();
    const { ingestionId, id } = await dead(tenant);
    const stranger = await g.newTenant();
    expect((await post(stranger, "/v1/dead-letters/replay", { ids: [ingestionId] })).body).toMatchObject({
      count: 0,
      left: 1,
    });
    expect((await post(tenant, "/v1/dead-letters/replay", { ids: [ingestionId] })).body).toEqual({
      count: 1,
      left: 0,
      more: false,
    });
    expect((await post(tenant, "/v1/dead-letters/replay", { ids: [ingestionId] })).body).toEqual({
      count: 0,
      left: 1,
      more: false,
    });
    expect(await letters(tenant)).toEqual([]);
    expect(await letters(tenant, "?state=replayed")).toMatchObject([{ ingestionId, replays: 1 }]);
    expect((await g.call(`/v1/documents/${id}`, as(tenant))).body).toMatchObject({
      status: "uploaded",
      generation: 2,
      error: null,
    });
  });

  it("are replayed by code and version, all of them, but not what has failed the same way three times", async () => {
    const tenant = await g.newTenant();
    const [poison, other] = [await dead(tenant), await dead(tenant, "document_empty")];
    const replay = { filter: { code: "document_corrupt", version: "4" } };
    for (let i = 1; i <= 3; i++) {
      expect((await post(tenant, "/v1/dead-letters/replay", replay)).body).toMatchObject({ count: 1 });
      await fail(tenant, poison.ingestionId, "document_corrupt");
    }
    expect(await letters(tenant, "?poison=true")).toMatchObject([{ ingestionId: poison.ingestionId, replays: 3 }]);
    expect((await post(tenant, "/v1/dead-letters/replay", replay)).body).toMatchObject({ count: 0, more: false });
    expect((await post(tenant, "/v1/dead-letters/replay", { filter: {} })).body).toMatchObject({ count: 1 });
    expect(await letters(tenant, "?state=replayed")).toMatchObject([{ ingestionId: other.ingestionId }]);
    expect((await post(tenant, "/v1/dead-letters/replay", { ids: [poison.ingestionId] })).body).toMatchObject({
      count: 1,
    });
    await fail(tenant, poison.ingestionId, "document_empty");
    expect((await letters(tenant))[0]).toMatchObject({ code: "document_empty", replays: 0, poison: false });
  });

  it("are left out of a batch's retry when they are poison or were discarded", async () => {
    const tenant = await g.newTenant();
    const { body: batch } = await post(tenant, "/v1/batches", { name: "b" });
    const [given, kept] = [
      await dead(tenant, "document_corrupt", "given", batch.id),
      await dead(tenant, "document_corrupt", "kept", batch.id),
    ];
    const discarded = await post(tenant, "/v1/dead-letters/discard", {
      ids: [given.ingestionId],
      reason: "Nobody needs it",
    });
    expect(discarded.body).toMatchObject({ count: 1 });
    expect(await letters(tenant, "?state=discarded")).toMatchObject([
      { ingestionId: given.ingestionId, reason: "Nobody needs it" },
    ]);
    expect((await g.call(`/v1/documents/${given.id}`, as(tenant))).body.status).toBe("failed");
    await g.call(`/v1/batches/${batch.id}/retry`, { ...as(tenant), method: "POST" });
    expect((await g.call(`/v1/documents/${kept.id}`, as(tenant))).body.status).toBe("uploaded");
    expect((await g.call(`/v1/documents/${given.id}`, as(tenant))).body.status).toBe("failed");
    expect((await post(tenant, "/v1/dead-letters/discard", { ids: [kept.ingestionId] })).status).toBe(400);
  });

  it("stay where they are in a cancelled batch", async () => {
    const tenant = await g.newTenant();
    const { body: batch } = await post(tenant, "/v1/batches", { name: "b" });
    const { ingestionId } = await dead(tenant, "document_corrupt", "cancelled", batch.id);
    await g.call(`/v1/batches/${batch.id}/cancel`, { ...as(tenant), method: "POST" });
    expect((await post(tenant, "/v1/dead-letters/replay", { ids: [ingestionId] })).body).toEqual({
      count: 0,
      left: 1,
      more: false,
    });
    expect((await post(tenant, "/v1/dead-letters/replay", { filter: {} })).body).toMatchObject({
      count: 0,
      more: false,
    });
  });

  it("are counted while they are open", async () => {
    const tenant = await g.newTenant();
    const { ingestionId } = await dead(tenant, "document_illegible");
    const measure = async () =>
      (
        await sql<{ tally: Record<string, number> }>("select sluice.tally($1) as tally", [tenant.scope.organizationId])
      )[0]?.tally["dead/parse/document_illegible"];
    expect(await measure()).toBe(1);
    await post(tenant, "/v1/dead-letters/discard", { ids: [ingestionId], reason: "r" });
    expect(await measure()).toBeUndefined();
  });
});

describe("queues", () => {
  it("are paused and resumed for one organization", async () => {
    const tenant = await g.newTenant();
    const { body } = await g.upload([{ bytes: "waits" }], {}, as(tenant));
    const paused = await post(tenant, "/v1/admin/queues/pause", { queues: ["parse"] });
    expect(paused.body.items[0]).toMatchObject({
      queue: "parse",
      documents: 1,
      breakers: [{ cause: "operator", code: "stage_paused", everybody: false, retryAt: null }],
    });
    const work = {
      organizationId: tenant.scope.organizationId,
      ingestionId: body.documents[0].ingestionId,
      generation: 1,
    };
    const [begun] = await g.pipeline.store.work.begin("parse", [work], "w", { leaseMs: 1_000, maxDeaths: 3 });
    expect(begun).toEqual({ outcome: "paused" });
    const why = await g.call(`/v1/documents/${body.documents[0].id}/why`, as(tenant));
    expect(why.body).toMatchObject({
      waits: { reason: "breaker", code: "stage_paused" },
      now: { advice: expect.stringContaining("sluice queues resume") },
    });
    const resumed = await post(tenant, "/v1/admin/queues/resume", { queues: ["parse", "embed"] });
    expect(resumed.body.items[0].breakers).toEqual([]);
    expect(await g.pipeline.store.supervision.dispatch(10, 8, [tenant.scope.organizationId])).toHaveLength(1);
  });

  it("are for who may administer", async () => {
    const reader = await g.newTenant(["documents:read"]);
    expect((await g.call("/v1/admin/queues", as(reader))).status).toBe(403);
    expect((await post(reader, "/v1/admin/queues/pause", { queues: ["parse"] })).status).toBe(403);
  });
});

describe("why", () => {
  it("tells the story of a document that failed, and what to do", async () => {
    const tenant = await g.newTenant();
    const { id } = await dead(tenant, "document_encrypted");
    const { body } = await g.call(`/v1/documents/${id}/why`, as(tenant));
    expect(body.story.map(({ kind }: { kind: string }) => kind)).toEqual(["accepted", "failed"]);
    expect(body.story[1].text).toMatch(/^Given up at parsing by w, 1 try\. The document is protected/);
    expect(body.waits).toEqual({ reason: "final" });
    expect(body.now.text).toMatch(/password/);
    expect(body.now.advice).toMatch(/dead-letters replay/);
  });

  it("tells what a document waits for at every place", async () => {
    const tenant = await g.newTenant();
    const { body } = await g.upload([{ bytes: "story" }], {}, as(tenant));
    const { id, ingestionId } = body.documents[0];
    const reason = async () => (await g.call(`/v1/documents/${id}/why`, as(tenant))).body.waits.reason;
    expect(await reason()).toBe("queued");
    const work = { organizationId: tenant.scope.organizationId, ingestionId, generation: 1 };
    const task = await take(g.pipeline, "parse", work, "w");
    expect(await reason()).toBe("working");
    await g.pipeline.store.work.handBack([task], "w", 60_000);
    expect(await reason()).toBe("delayed");
    await sql("update sluice.ingestions set dispatch_after = now() where id = $1 returning 1", [ingestionId]);
    expect(await reason()).toBe("backlog");
    expect((await g.call(`/v1/documents/${randomUUID()}/why`, as(tenant))).status).toBe(404);
  });
});

describe("caps", () => {
  const upload = async (env: Record<string, string>, tenant: Tenant) => {
    const gateway = await g.newGateway({ GATEWAY_CAP_FRESH_MS: "1", ...env });
    const form = new FormData();
    form.append("file", new Blob([`x${randomUUID()}`], { type: "text/plain" }), "x.txt");
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/documents`, {
      method: "POST",
      body: form,
      headers: { "x-api-key": tenant.key },
    });
    return {
      status: answer.status,
      retryAfter: Number(answer.headers.get("retry-after")),
      body: (await answer.json()) as unknown,
    };
  };

  it("refuse by name while too much waits, of the organization or of all, and say when to come again", async () => {
    const [tenant, other] = [await g.newTenant(), await g.newTenant()];
    const own = { GATEWAY_CAP_ORGANIZATION_BACKLOG: "1" };
    expect((await upload(own, tenant)).status).toBe(202);
    const refused = await upload(own, tenant);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "organization_backlog_full", cap: "GATEWAY_CAP_ORGANIZATION_BACKLOG" },
    });
    expect(refused.retryAfter).toBeGreaterThanOrEqual(15);
    expect((await upload(own, other)).status).toBe(202);
    expect(await upload({ GATEWAY_CAP_BACKLOG: "1" }, other)).toMatchObject({
      status: 503,
      body: { code: "backlog_full", cap: "GATEWAY_CAP_BACKLOG" },
    });
  });

  it("refuse while the oldest has waited too long, unless somebody paused it", async () => {
    const tenant = await g.newTenant();
    const { body: batch } = await post(tenant, "/v1/batches", { name: "old" });
    await g.call(`/v1/batches/${batch.id}/pause`, { ...as(tenant), method: "POST" });
    await g.upload([{ bytes: "old" }], { batchId: batch.id }, as(tenant));
    await sql(
      "update sluice.ingestions set dispatch_after = now() - interval '1 hour' where organization_id = $1 returning 1",
      [tenant.scope.organizationId],
    );
    const cap = { GATEWAY_CAP_ORGANIZATION_AGE_SECONDS: "600" };
    expect((await upload(cap, tenant)).status).toBe(202);
    await g.call(`/v1/batches/${batch.id}/resume`, { ...as(tenant), method: "POST" });
    expect(await upload(cap, tenant)).toMatchObject({
      status: 429,
      body: { code: "organization_backlog_old", cap: "GATEWAY_CAP_ORGANIZATION_AGE_SECONDS" },
    });
    expect(await upload({ GATEWAY_CAP_AGE_SECONDS: "600" }, tenant)).toMatchObject({
      status: 503,
      body: { code: "backlog_old" },
    });
  });
});

describe("the rolling recount", () => {
  const walk = async () => {
    for (;;) if ((await g.pipeline.store.supervision.recountStep(7)).finished) return;
  };
  const found = async (organizationId: string) =>
    (await g.pipeline.store.supervision.recountState()).findings.filter(
      (each) => each.organizationId === organizationId,
    );

  it("finds what is lost, names it, and forgets it when it is well again", async () => {
    const tenant = await g.newTenant();
    const { organizationId } = tenant.scope;
    const { body } = await g.upload([{ bytes: "lost" }, { bytes: "kept" }], {}, as(tenant));
    await walk();
    expect(await found(organizationId)).toEqual([]);
    const { ingestionId } = body.documents[0];
    const [row] = await sql<{ row: string }>("select to_jsonb(i)::text as row from sluice.ingestions i where id = $1", [
      ingestionId,
    ]);
    await sql("delete from sluice.ingestions where id = $1 returning 1", [ingestionId]);
    await walk();
    expect(await found(organizationId)).toEqual([{ organizationId, finding: "missing", count: 1 }]);
    const columns = Object.keys(JSON.parse(row?.row ?? "{}"))
      .filter((name) => name !== "batch_key")
      .join(", ");
    await sql(
      `insert into sluice.ingestions (${columns}) select ${columns} from jsonb_populate_record(null::sluice.ingestions, $1::text::jsonb) returning 1`,
      [row?.row],
    );
    await walk();
    expect(await found(organizationId)).toEqual([]);
  });

  it("finds counts that are wrong, and puts them right", async () => {
    const tenant = await g.newTenant();
    const { organizationId } = tenant.scope;
    await g.upload([{ bytes: "counted" }], {}, as(tenant));
    const { supervision } = g.pipeline.store;
    await supervision.foldTallies(10_000);
    await sql("update sluice.tallies set n = n + 5 where organization_id = $1 and measure = 'parse' returning 1", [
      organizationId,
    ]);
    const round = async () => {
      const off: unknown[] = [];
      for (let next = await supervision.recountTallies(); next !== null; next = await supervision.recountTallies())
        if (next.organizationId === organizationId) off.push(next.off);
      return off;
    };
    expect(await round()).toEqual([{ parse: -5 }]);
    expect(await found(organizationId)).toEqual([{ organizationId, finding: "miscounted", count: 1 }]);
    expect(await round()).toEqual([{}]);
    expect(await found(organizationId)).toEqual([]);
  });
});

it("takes jobs out of Redis that nobody waits for", async () => {
  const tenant = await g.newTenant();
  const { body } = await g.upload([{ bytes: "one" }, { bytes: "two" }], {}, as(tenant));
  const [gone, kept] = body.documents.map(({ ingestionId }: { ingestionId: string }) => ingestionId);
  await sql("update sluice.ingestions set generation = 2 where id = $1 returning 1", [gone]);
  const jobs = await g.pipeline.producer.list("parse", 0, 1_000);
  expect(jobs.map(({ ingestionId }) => ingestionId)).toEqual(expect.arrayContaining([gone, kept]));
  const obsolete = await g.pipeline.store.supervision.obsoleteJobs(jobs);
  expect(obsolete).toContainEqual({ queue: "parse", ingestionId: gone, generation: 1 });
  expect(obsolete.map(({ ingestionId }) => ingestionId)).not.toContain(kept);
});

describe("what embedding costs", () => {
  it("is shown by month and model with the budget, which an admin sets", async () => {
    const tenant = await g.newTenant();
    const { organizationId } = tenant.scope;
    await sql("select sluice.book($1, 'openai', 'text-embedding-3-small', 10, 1000000, 5, 2, 500000)", [
      organizationId,
    ]);
    const month = new Date().toISOString().slice(0, 7);
    const { body } = await g.call("/v1/usage", as(tenant));
    expect(body.items).toEqual([
      expect.objectContaining({ month, inputs: 10, tokens: 1_000_000, costUsd: 0.02, savedInputs: 2, savedUsd: 0.01 }),
    ]);
    expect(body.budget).toMatchObject({ usd: null, tokens: null, usedUsd: 0.02, state: "well" });
    const set = await post(tenant, "/v1/admin/budget", { usd: 0.024 });
    expect(set).toMatchObject({ status: 200, body: { usd: 0.024, warnShare: 0.8, state: "warned" } });
    expect((await post(tenant, "/v1/admin/budget", { usd: 0.01 })).body.state).toBe("exhausted");
    const audited = await sql(
      "select action, result from sluice.audit_log where organization_id = $1 and action in ('usage.read', 'budget.set')",
      [organizationId],
    );
    expect(audited).toHaveLength(3);
  });

  it.each([{ usd: -1 }, { usd: "much" }, { warnShare: 0 }, { warnShare: 2 }, { tokens: 1.5 }, { euros: 1 }])(
    "is not limited by nonsense: %j",
    async (json) => {
      expect((await post(await g.newTenant(), "/v1/admin/budget", json)).status).toBe(400);
    },
  );

  it("is for admins alone", async () => {
    const reader = await g.newTenant(["documents:read", "search"]);
    expect((await g.call("/v1/usage", as(reader))).status).toBe(403);
    expect((await post(reader, "/v1/admin/budget", { usd: 1 })).status).toBe(403);
    expect((await g.call("/v1/usage?months=0", as(await g.newTenant()))).status).toBe(400);
  });
});
