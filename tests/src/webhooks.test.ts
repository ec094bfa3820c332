import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./gateway/support.js";
import { take } from "./support/by-hand.js";
import { until } from "./support/checks.js";

interface Told {
  headers: Record<string, string | string[] | undefined>;
  body: string;
  path: string | undefined;
}

let g: GatewayFixture;
let receiver: Server;
let told: Told[] = [];
/** How the receiver answers the next ones; 200 when it is empty. */
let answers: number[] = [];
let base: string;

beforeAll(async () => {
  g = await createGatewayFixture({ WEBHOOK_ALLOW_PRIVATE: "true" });
  g.pipeline.env.WEBHOOK_ALLOW_PRIVATE = "true";
  g.pipeline.env.WEBHOOK_INTERVAL_MS = "50";
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      told.push({ headers: request.headers, body, path: request.url });
      const status = answers.shift() ?? 200;
      response.writeHead(status, status === 302 ? { location: `${base}/elsewhere` } : {});
      response.end("thanks");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  await g.pipeline.start("supervisor");
  // The first look says where now is.
  await until(async () => (await sql("select 1 from sluice.cursors where name = 'webhooks'")).length === 1);
});
afterAll(async () => {
  await g?.destroy();
  receiver?.close();
});
afterEach(() => {
  told = [];
  answers = [];
});

const sql = <T>(text: string, params: unknown[] = []) => g.pipeline.supabase.query<T>(text, params);
const hurry = () =>
  g.pipeline.supabase.exec("update sluice.webhook_deliveries set next_at = now() where state = 'pending'");
const call = (tenant: Tenant, method: string, path: string, json?: unknown) =>
  g.call(path, { key: tenant.key, method, json });

async function hook(tenant: Tenant, events?: string[]) {
  const { body } = await call(tenant, "POST", "/v1/webhooks", { url: `${base}/hook`, events });
  return body as { id: string; secret: string };
}
async function fail(tenant: Tenant, fields: Record<string, string> = {}) {
  const { body } = await g.upload([{ bytes: `${Math.random()} Johnson, Emily` }], fields, { key: tenant.key });
  const { id, ingestionId } = body.documents[0] as { id: string; ingestionId: string };
  const held = { organizationId: tenant.scope.organizationId, ingestionId, generation: 1 };
  const task = await take(g.pipeline, "parse", held, "w");
  await g.pipeline.store.work.fail(task, "w", { code: "document_corrupt", maxAttempts: 1, delayMs: 0, durationMs: 1 });
  return { id, ingestionId };
}
const deliveries = async (tenant: Tenant, id: string) =>
  (await call(tenant, "GET", `/v1/webhooks/${id}/deliveries`)).body.items;

describe("a webhook", () => {
  it("is told of a document that is final, signed, and of nothing that is in it", async () => {
    const [tenant, other] = [await g.newTenant(), await g.newTenant()];
    const { id: webhook, secret } = await hook(tenant, ["document.failed"]);
    await hook(other);
    const { id, ingestionId } = await fail(tenant);
    await until(async () => told.length > 0);
    const [{ headers, body }] = told as [Told];
    expect(JSON.parse(body)).toEqual({
      type: "document.failed",
      timestamp: expect.any(String),
      data: {
        organizationId: tenant.scope.organizationId,
        documentId: id,
        ingestionId,
        generation: 1,
        status: "failed",
        stage: "parse",
        code: "document_corrupt",
      },
    });
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
    expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", key).update(text).digest("base64")}`);
    expect(Math.abs(Number(headers["webhook-timestamp"]) - Date.now() / 1_000)).toBeLessThan(60);
    await until(async () => (await deliveries(tenant, webhook))[0]?.state === "delivered");
    expect(await deliveries(tenant, webhook)).toMatchObject([
      { id: headers["webhook-id"], event: "document.failed", attempts: 1, lastStatus: 200, nextAt: null },
    ]);
    expect(told).toHaveLength(1);
    expect(JSON.stringify((await call(tenant, "GET", "/v1/webhooks")).body)).not.toContain("whsec_");
  });

  it("is told again, under the same id, until it answers well", async () => {
    const tenant = await g.newTenant();
    const { id } = await hook(tenant);
    answers = [500, 302, 200];
    await fail(tenant);
    await until(async () => {
      await hurry();
      return (await deliveries(tenant, id))[0]?.state === "delivered";
    });
    expect(told.map(({ path }) => path)).toEqual(["/hook", "/hook", "/hook"]);
    expect(new Set(told.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(told.map(({ body }) => body)).size).toBe(1);
  });

  it("is given up on when it says that it is gone, and told once more when somebody asks", async () => {
    const tenant = await g.newTenant();
    const { id } = await hook(tenant);
    answers = [410];
    await fail(tenant);
    await until(async () => (await deliveries(tenant, id))[0]?.state === "failed");
    const [{ id: delivery }] = await deliveries(tenant, id);
    const stranger = await g.newTenant();
    expect((await call(stranger, "POST", `/v1/webhook-deliveries/${delivery}/redeliver`)).status).toBe(404);
    expect((await call(tenant, "POST", `/v1/webhook-deliveries/${delivery}/redeliver`)).status).toBe(204);
    await until(async () => (await deliveries(tenant, id))[0]?.state === "delivered");
  });

  it("is told once when a batch is complete: when the last is final, or when it is sealed after that; and again after a retry", async () => {
    const tenant = await g.newTenant();
    await hook(tenant, ["batch.completed"]);
    const batchOf = async () => (await call(tenant, "POST", "/v1/batches", { name: "Emily's" })).body.id as string;
    const late = await batchOf();
    const { ingestionId } = await fail(tenant, { batchId: late });
    await call(tenant, "POST", `/v1/batches/${late}/seal`, { expected: 1 });
    await until(async () => told.length === 1);
    expect(JSON.parse(told[0]?.body ?? "")).toEqual({
      type: "batch.completed",
      timestamp: expect.any(String),
      data: {
        organizationId: tenant.scope.organizationId,
        batchId: late,
        counts: { failed: 1 },
        submitted: 1,
        duplicates: 0,
        expected: 1,
      },
    });
    const early = await batchOf();
    await g.upload([{ bytes: "in flight" }], { batchId: early }, { key: tenant.key });
    await call(tenant, "POST", `/v1/batches/${early}/seal`, {});
    await until(async () => (await sql("select 1 from sluice.batches_to_check")).length === 0);
    expect(told).toHaveLength(1);
    await call(tenant, "POST", `/v1/batches/${early}/cancel`);
    await until(async () => told.length === 2);
    await call(tenant, "POST", "/v1/dead-letters/replay", { ids: [ingestionId] });
    const held = { organizationId: tenant.scope.organizationId, ingestionId, generation: 2 };
    const task = await take(g.pipeline, "parse", held, "w");
    await g.pipeline.store.work.fail(task, "w", {
      code: "document_corrupt",
      maxAttempts: 1,
      delayMs: 0,
      durationMs: 1,
    });
    await until(async () => told.length === 3);
  });

  it("is told nothing when it is deleted", async () => {
    const tenant = await g.newTenant();
    const { id } = await hook(tenant);
    expect((await call(tenant, "DELETE", `/v1/webhooks/${id}`)).status).toBe(204);
    expect((await call(tenant, "DELETE", `/v1/webhooks/${id}`)).status).toBe(404);
    await fail(tenant);
    const next = await hook(tenant);
    await fail(tenant);
    await until(async () => told.length > 0);
    expect(await deliveries(tenant, next.id)).toHaveLength(1);
    expect(told).toHaveLength(1);
  });
});

describe("where private networks are not allowed", () => {
  it.each([
    "http://example.org/hook",
    "https://127.0.0.1/hook",
    "https://10.0.0.1/",
    "https://[::1]/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/",
    "https://user:password@example.org/",
  ])("refuses %s", async (url) => {
    const gateway = await g.newGateway({ WEBHOOK_ALLOW_PRIVATE: "false" });
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/webhooks`, {
      method: "POST",
      headers: { "x-api-key": g.tenant.key, "content-type": "application/json" },
      body: JSON.stringify({ url }),
    });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ code: "webhook_target_refused" });
  });

  it("sends nothing to a name that stands for a private address", async () => {
    const tenant = await g.newTenant();
    const { id } = await hook(tenant);
    // As if the name had been a public one when it was given.
    await sql("update sluice.webhooks set url = 'https://localhost:' || $2 || '/' where id = $1 returning 1", [
      id,
      new URL(base).port,
    ]);
    await g.pipeline.supabase.exec("delete from sluice.leases");
    g.pipeline.env.WEBHOOK_ALLOW_PRIVATE = "false";
    const [strict] = await g.pipeline.start("supervisor");
    g.pipeline.env.WEBHOOK_ALLOW_PRIVATE = "true";
    await sql("update sluice.leases set holder = $1 where name = 'supervisor' returning 1", ["supervisor-2"]);
    await fail(tenant);
    await until(async () => (await deliveries(tenant, id))[0]?.state === "failed");
    expect((await deliveries(tenant, id))[0]).toMatchObject({ lastCode: "refused_target", lastStatus: null });
    expect(told).toEqual([]);
    if (strict) await g.pipeline.stop(strict);
  });
});
