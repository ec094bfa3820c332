import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { sluice } from "../support/cli.js";
import { openStream } from "./sse.js";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  // Streams are looked at so seldom that only the watch over keys can end one.
  g = await createGatewayFixture({ GATEWAY_STREAM_RECHECK_SECONDS: "30" });
});
afterAll(() => g?.destroy());

const create = (json: object, key?: string) => g.call("/v1/api-keys", { json, key });
/** What a gateway remembers of a key, the database knows better: nothing is read for it, and soon it is nobody's. */
const refused = async (key: string) => {
  for (;;) {
    const { status } = await g.call("/v1/documents", { key });
    if (status === 401) return;
    expect(status).toBe(403);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe("a key", () => {
  it("is shown once and stored as a hash that nothing can be found by", async () => {
    const expiresAt = "2199-01-31T00:00:00.000Z";
    const made = await create({ name: "engine", scopes: ["documents:write"], expiresAt });
    expect(made).toMatchObject({
      status: 201,
      body: {
        name: "engine",
        scopes: ["documents:write"],
        key: expect.stringMatching(/^slc_[\w-]{43}$/),
        createdBy: { kind: "api_key", id: g.tenant.keyId },
        live: true,
        lastUsedAt: null,
      },
    });
    const { key, id, prefix } = made.body;
    expect(Date.parse(made.body.expiresAt)).toBe(Date.parse(expiresAt));
    expect(prefix).toBe(key.slice(0, 12));
    const listed = await g.call("/v1/api-keys");
    expect(listed.body.items[0]).toMatchObject({ id, name: "engine", prefix });
    expect(JSON.stringify(listed.body)).not.toContain(key);
    const [row] = await g.pipeline.supabase.query<{ hash: string; all: string }>(
      "select k.hash, to_jsonb(k)::text as all from sluice.api_keys k where id = $1",
      [id],
    );
    expect(row?.hash).toBe(createHash("sha256").update(key).digest("hex"));
    expect(row?.all).not.toContain(key);
    expect(g.pipeline.logs.join("")).not.toContain(key);
  });

  it("whose hash only begins as another's is nobody's", async () => {
    const { body } = await create({ name: "twin", scopes: ["search"] });
    const [start, end] = [body.key.slice(0, 20), body.key.slice(20)];
    await g.pipeline.supabase.query(
      "insert into sluice.api_keys (organization_id, name, prefix, hash, scopes) select organization_id, 'other', 'slc_', left(hash, 16) || repeat('0', 48), '{admin}' from sluice.api_keys where id = $1",
      [body.id],
    );
    expect((await g.call("/v1/me", { key: body.key })).body).toMatchObject({ scopes: ["search"] });
    expect((await g.call("/v1/me", { key: start + end.split("").reverse().join("") })).status).toBe(401);
  });

  it("tells when it was used, and writes that at most once a minute", async () => {
    const { key, keyId } = await g.newTenant(["search"], g.tenant.scope.organizationId);
    const used = async () =>
      (
        await g.pipeline.supabase.query<{ at: string | null; version: string }>(
          "select last_used_at as at, xmin::text as version from sluice.api_keys where id = $1",
          [keyId],
        )
      )[0];
    expect((await used())?.at).toBeNull();
    await g.pipeline.store.apiKeys.authenticate(key);
    const first = await used();
    expect(first?.at).not.toBeNull();
    await g.pipeline.store.apiKeys.authenticate(key);
    expect((await used())?.version).toBe(first?.version);
  });

  it("is listed page by page, newest first, revoked ones, too", async () => {
    const tenant = await g.newTenant();
    for (const name of ["one", "two", "three"]) await create({ name, scopes: ["search"] }, tenant.key);
    const names: string[] = [];
    for (let cursor = ""; ; ) {
      const { body } = await g.call(`/v1/api-keys?limit=2${cursor}`, { key: tenant.key });
      names.push(...body.items.map((each: { name: string }) => each.name));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(names).toEqual(["three", "two", "one", "test"]);
  });

  it("is given no more than its maker has, and made by admins only", async () => {
    const { organizationId } = g.tenant.scope;
    const admin = await g.newTenant(["admin", "search"], organizationId);
    expect(await create({ name: "more", scopes: ["search", "documents:delete"] }, admin.key)).toMatchObject({
      status: 403,
      body: { code: "scopes_exceeded" },
    });
    expect((await create({ name: "as much", scopes: ["search"] }, admin.key)).status).toBe(201);
    const reader = await g.newTenant(["documents:read"], organizationId);
    for (const answer of [
      await create({ name: "x", scopes: ["documents:read"] }, reader.key),
      await g.call("/v1/api-keys", { key: reader.key }),
      await g.call(`/v1/api-keys/${g.tenant.keyId}`, { method: "DELETE", key: reader.key }),
    ])
      expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  it.each([
    ["no scope", { name: "x", scopes: [] }],
    ["a scope there isn't", { name: "x", scopes: ["everything"] }],
    ["an end that is over", { name: "x", scopes: ["search"], expiresAt: "2001-01-01T00:00:00Z" }],
    ["no name", { name: " ", scopes: ["search"] }],
    ["an unknown field", { name: "x", scopes: ["search"], organizationId: "x" }],
  ])("is not made with %s", async (_what, json) => {
    expect(await create(json)).toMatchObject({ status: 400, body: { code: "request_invalid" } });
  });

  it("of another organization is not there", async () => {
    const other = await g.newTenant();
    expect((await g.call(`/v1/api-keys/${g.tenant.keyId}`, { method: "DELETE", key: other.key })).status).toBe(404);
    expect((await g.call("/v1/me")).status).toBe(200);
    const ids = (await g.call("/v1/api-keys", { key: other.key })).body.items.map((each: { id: string }) => each.id);
    expect(ids).toEqual([other.keyId]);
  });
});

describe("revoking a key", () => {
  async function watching(tenant: Tenant) {
    const { id } = (await g.upload([{ bytes: `watched ${tenant.keyId}` }])).body.documents[0];
    const stream = await openStream(g.urlOf(`/v1/documents/${id}/stream`), { "x-api-key": tenant.key });
    expect(await stream.next()).toMatchObject({ event: "status" });
    return { id, stream };
  }

  it("refuses it, for good, and closes its streams", async () => {
    const victim = await g.newTenant(["documents:read"], g.tenant.scope.organizationId);
    const { stream } = await watching(victim);
    for (let i = 0; i < 2; i++)
      expect((await g.call(`/v1/api-keys/${victim.keyId}`, { method: "DELETE" })).status).toBe(204);
    await refused(victim.key);
    expect((await stream.until("end")).at(-1)).toMatchObject({ event: "end", data: { reason: "refused" } });
    const { body } = await g.call("/v1/api-keys");
    expect(body.items.find((each: { id: string }) => each.id === victim.keyId)).toMatchObject({ live: false });
  });

  it("needs no Redis", async () => {
    const victim = await g.newTenant(["documents:read"], g.tenant.scope.organizationId);
    const { stream } = await watching(victim);
    await g.pipeline.redis.crash();
    try {
      expect((await g.call(`/v1/api-keys/${victim.keyId}`, { method: "DELETE" })).status).toBe(204);
      expect((await stream.until("end")).at(-1)).toMatchObject({ event: "end", data: { reason: "refused" } });
      await refused(victim.key);
    } finally {
      await g.pipeline.redis.start();
    }
  });

  it("leaves links that were given out to end by themselves, within what is said of them", async () => {
    const victim = await g.newTenant(["documents:read"], g.tenant.scope.organizationId);
    const { id } = (await g.upload([{ bytes: "kept by a link" }])).body.documents[0];
    const link = (await g.call(`/v1/documents/${id}/file`, { key: victim.key })).body;
    await g.call(`/v1/api-keys/${victim.keyId}`, { method: "DELETE" });
    const { body } = await g.call("/v1/config", { key: null });
    const token = new URL(link.url).searchParams.get("token") ?? "";
    const { exp, iat } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(exp - iat).toBe(body.limits.signedUrlSeconds);
    expect(body.limits.signedUrlSeconds).toBeLessThanOrEqual(3_600);
    expect(await (await fetch(link.url)).text()).toBe("kept by a link");
  });
});

it("sluice keys makes, lists and revokes, over the API and as the operator", async () => {
  const tenant = await g.newTenant();
  const { supabase } = g.pipeline;
  const api = { SLUICE_URL: g.urlOf(""), SLUICE_API_KEY: tenant.key };
  const operator = { SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.secretKey };
  const org = ["--org", tenant.scope.organizationId];
  for (const [env, more] of [
    [api, []],
    [operator, org],
  ] as const) {
    const run = (...args: string[]) => sluice("/nonexistent", ["keys", ...args, ...more], { env });
    const made = await run("create", "--name", "cli", "--scopes", "search");
    expect({ code: made.code, stderr: made.stderr }).toMatchObject({ code: 0 });
    const key = made.stdout.trim();
    expect((await g.call("/v1/me", { key })).body).toMatchObject({ scopes: ["search"] });
    const [listed] = (await run("ls", "--json")).lines as unknown as { id: string; name: string }[][];
    const id = listed?.find((each) => each.name === "cli")?.id ?? "";
    expect((await run("ls")).stdout).toContain(key.slice(0, 12));
    expect(await run("revoke", id)).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
    while ((await g.call("/v1/me", { key })).status !== 401) await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await run("ls")).stdout).toContain("revoked");
    await g.pipeline.supabase.query("delete from sluice.api_keys where id = $1", [id]);
    expect((await run("revoke", id)).code).toBe(1);
  }
});
