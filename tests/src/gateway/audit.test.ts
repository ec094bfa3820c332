import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { AuditEntry } from "@sluice/contracts";
import { sluice } from "../support/cli.js";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

async function entries(tenant: Tenant, query = ""): Promise<AuditEntry[]> {
  const { status, body } = await g.call(`/v1/audit?limit=200${query}`, { key: tenant.key });
  expect(status).toBe(200);
  return body.items;
}

it("says who read what, from where, when, and how it ended, newest first", async () => {
  const tenant = await g.newTenant();
  await g.pipeline.start("parser", "chunker", "embedder");
  const sent = await g.upload([{ bytes: "Metformin 500 mg twice daily." }], {}, { key: tenant.key });
  const { id } = sent.body.documents[0];
  await g.pipeline.drain(tenant.scope);
  const requestId = "0c9c8f7e-3b1a-4c58-9d6e-2f6a1b3c4d5e";
  const read = await g.call(`/v1/documents/${id}/content`, {
    key: tenant.key,
    headers: { "x-request-id": requestId },
  });
  expect(read.status).toBe(200);
  const query = "metformin dose";
  for (let i = 0; i < 2; i++) await g.call("/v1/search", { key: tenant.key, json: { query, k: 3, mode: "keyword" } });
  expect((await g.call(`/v1/documents/${id}/file`, { key: tenant.key })).status).toBe(200);

  const [file, second, first, content] = await entries(tenant);
  expect(content).toMatchObject({
    action: "document.sections",
    actor: { kind: "api_key", id: tenant.keyId },
    resource: { kind: "document", ids: [id] },
    result: "allowed",
    requestId,
    address: expect.stringMatching(/127\.0\.0\.1/),
  });
  expect(Math.abs(Date.parse(content?.at ?? "") - Date.now())).toBeLessThan(600_000);
  expect(first).toMatchObject({ action: "search", resource: { kind: "document", ids: [id] } });
  expect(second?.detail.query).toMatch(/^[0-9a-f]{64}$/);
  expect(second?.detail.query).toBe(first?.detail.query);
  expect(JSON.stringify(first)).not.toContain("metformin");
  expect(file).toMatchObject({ action: "document.file", resource: { ids: [id] } });
  // Looking was written down as well.
  expect((await entries(tenant))[0]).toMatchObject({ action: "audit.read", result: "allowed" });
  expect((await entries(tenant, `&resourceId=${id}&action=search`)).length).toBe(2);
});

it("is read by those alone who may, page by page, and of one organization", async () => {
  const [tenant, other] = [await g.newTenant(), await g.newTenant()];
  const everythingElse = await g.newTenant(
    ["documents:read", "documents:write", "documents:delete", "search", "admin"],
    tenant.scope.organizationId,
  );
  expect(await g.call("/v1/audit", { key: everythingElse.key })).toMatchObject({
    status: 403,
    body: { code: "forbidden" },
  });
  for (let i = 0; i < 5; i++) await g.call("/v1/documents", { key: tenant.key });
  const seen: number[] = [];
  let cursor = "";
  do {
    const { body } = await g.call(`/v1/audit?limit=2&action=documents.query${cursor}`, { key: tenant.key });
    seen.push(...body.items.map((entry: AuditEntry) => entry.id));
    cursor = body.nextCursor === null ? "" : `&cursor=${body.nextCursor}`;
  } while (cursor !== "");
  expect(seen).toHaveLength(5);
  expect([...new Set(seen)].sort((a, b) => b - a)).toEqual(seen);
  expect((await entries(other)).map(({ actor }) => actor.id)).not.toContain(tenant.keyId);
  const foreign = await g.call("/v1/audit?limit=1", { key: tenant.key });
  expect(
    await g.call(`/v1/audit?limit=1&action=search&cursor=${foreign.body.nextCursor}`, { key: tenant.key }),
  ).toMatchObject({ status: 400, body: { code: "cursor_invalid" } });
});

it("holds every refusal: by scope, by a key that is gone, by a key that never was", async () => {
  const tenant = await g.newTenant();
  const weak = await g.newTenant(["documents:read"], tenant.scope.organizationId);
  const id = "11111111-1111-4111-8111-111111111111";
  expect((await g.call(`/v1/documents/${id}`, { key: weak.key, method: "DELETE" })).status).toBe(403);
  await g.pipeline.store.apiKeys.asOperator.revoke(tenant.scope.organizationId, weak.keyId);
  const fresh = await g.newGateway();
  const revoked = await g.call(`http://127.0.0.1:${fresh.port}/v1/documents`, { key: weak.key });
  expect(revoked.status).toBe(401);
  const elsewhere = await g.call("/v1/documents", {
    key: tenant.key,
    headers: { "x-organization": "22222222-2222-4222-8222-222222222222" },
  });
  expect(elsewhere.status).toBe(403);
  expect(await entries(tenant, "&result=refused")).toMatchObject([
    { action: "GET /v1/documents", actor: { kind: "api_key", id: tenant.keyId }, resource: { kind: "credential" } },
    { action: "GET /v1/documents", actor: { kind: "api_key", id: weak.keyId }, resource: { kind: "credential" } },
    {
      action: "DELETE /v1/documents/{id}",
      actor: { kind: "api_key", id: weak.keyId },
      resource: { kind: "request", ids: [id] },
    },
  ]);
  // What the key's holder was told in the end is beside what the database saw of the key itself.
  expect(await entries(tenant, `&actorId=${weak.keyId}`)).toHaveLength(2);
  expect((await g.call("/v1/documents", { key: `slc_${"x".repeat(43)}` })).status).toBe(401);
  const [stranger] = await g.pipeline.supabase.query(
    "select action, result, actor_id, organization_id::text as organization from sluice.audit_log where actor_kind = 'stranger'",
  );
  expect(stranger).toEqual({
    action: "GET /v1/documents",
    result: "refused",
    actor_id: null,
    organization: "00000000-0000-0000-0000-000000000000",
  });
});

it("holds every change of keys and members, whoever made it", async () => {
  const tenant = await g.newTenant();
  const { organizationId } = tenant.scope;
  const user = "33333333-3333-4333-8333-333333333333";
  await g.pipeline.store.tenancy.setMember(organizationId, user, "viewer");
  await g.pipeline.supabase.exec(`update sluice.memberships set role = 'member' where user_id = '${user}'`);
  await g.pipeline.supabase.exec(`delete from sluice.memberships where user_id = '${user}'`);
  const changes = (await entries(tenant)).filter(({ actor }) => actor.kind === "database");
  expect(changes).toMatchObject([
    { action: "memberships.delete", resource: { ids: [user] } },
    { action: "memberships.update", detail: { role: "member" } },
    { action: "memberships.insert", detail: { role: "viewer" } },
    { action: "api_keys.insert", resource: { ids: [tenant.keyId] } },
  ]);
});

it("is listed on the command line", async () => {
  const tenant = await g.newTenant();
  const base = await mkdtemp(join(tmpdir(), "sluice-cli-"));
  try {
    const env = { SLUICE_URL: `http://127.0.0.1:${g.gateway.port}`, SLUICE_API_KEY: tenant.key };
    await g.call("/v1/documents", { key: tenant.key });
    const listed = await sluice(base, ["audit", "ls", "--actor", tenant.keyId], { env });
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining("documents.query") });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
});
