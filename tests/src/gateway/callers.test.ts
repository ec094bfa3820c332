import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./support.js";
import { tokenOf } from "./tokens.js";

let g: GatewayFixture;
let other: Tenant;
beforeAll(async () => {
  g = await createGatewayFixture();
  other = await g.newTenant();
});
afterAll(() => g?.destroy());

const upload = async (text: string, fields?: Record<string, string>): Promise<string> =>
  (await g.upload([{ bytes: text }], fields)).body.documents[0].id;

describe("who may call", () => {
  it.each([
    ["no credential", {}],
    ["a key of another form", { "x-api-key": "secret" }],
    ["a key nobody has", { "x-api-key": `slc_${"a".repeat(43)}` }],
    ["a token that is none", { authorization: "Bearer nonsense" }],
    ["another scheme", { authorization: "Basic dTpw" }],
  ])("refuses %s", async (_what, headers) => {
    const answer = await g.call("/v1/documents", { key: null, headers: headers as never });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });

  it("refuses an upload without a key before looking at it", async () => {
    expect(await g.upload([{ bytes: "x" }], {}, { key: null })).toMatchObject({ status: 401 });
  });

  it("lets people in by their token, for what their role allows", async () => {
    const { jwtSecret } = g.pipeline.supabase;
    const [viewer, stranger] = [await g.newPerson("viewer"), await g.newPerson()];
    expect(await g.call("/v1/documents", viewer.as)).toMatchObject({ status: 200 });
    expect(await g.upload([{ bytes: "x" }], {}, viewer.as)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await g.call("/v1/documents", stranger.as)).toMatchObject({ status: 403 });
    const claims = { session_id: viewer.sessionId };
    const refused = [
      tokenOf(viewer.id, "another secret altogether", claims),
      tokenOf(viewer.id, jwtSecret, { ...claims, exp: 1 }),
      tokenOf(viewer.id, jwtSecret, { ...claims, exp: undefined }),
      tokenOf(viewer.id, jwtSecret, { ...claims, nbf: 9_999_999_999 }),
      tokenOf(viewer.id, jwtSecret, { ...claims, aud: "anon" }),
      tokenOf(viewer.id, jwtSecret, { ...claims, iss: "https://elsewhere.example/auth/v1" }),
      tokenOf("not-a-uuid", jwtSecret, claims),
      tokenOf(viewer.id, jwtSecret, claims, { alg: "none" }),
      tokenOf(viewer.id, jwtSecret, claims, { alg: "HS512" }),
      // Without a session, of one that nobody began, or of somebody else's.
      tokenOf(viewer.id, jwtSecret),
      tokenOf(viewer.id, jwtSecret, { session_id: randomUUID() }),
      tokenOf(viewer.id, jwtSecret, { session_id: stranger.sessionId }),
    ];
    for (const token of refused) {
      const answer = await g.call("/v1/documents", { key: null, headers: { authorization: `Bearer ${token}` } });
      expect([token, answer.status]).toEqual([token, 401]);
    }
  });

  it("asks people of several organizations to name one", async () => {
    const person = await g.newPerson("member");
    await g.pipeline.store.tenancy.setMember(other.scope.organizationId, person.id, "member");
    const as = (organization?: string) => ({
      key: null,
      headers: {
        ...person.as.headers,
        ...(organization === undefined ? {} : { "x-organization": organization }),
      },
    });
    expect(await g.call("/v1/documents", as())).toMatchObject({ body: { code: "organization_ambiguous" } });
    expect(await g.call("/v1/documents", as(other.scope.organizationId))).toMatchObject({ status: 200 });
    expect(await g.call("/v1/documents", as(randomUUID()))).toMatchObject({ status: 403 });
  });

  it("allows a key what its scopes allow", async () => {
    const { organizationId } = g.tenant.scope;
    const reader = await g.newTenant(["documents:read"], organizationId);
    const id = await upload("for readers");
    expect(await g.call(`/v1/documents/${id}`, { key: reader.key })).toMatchObject({ status: 200 });
    for (const answer of [
      await g.upload([{ bytes: "x" }], {}, { key: reader.key }),
      await g.call(`/v1/documents/${id}`, { method: "DELETE", key: reader.key }),
      await g.call("/v1/search", { json: { query: "x" }, key: reader.key }),
      await g.call("/v1/batches", { json: { name: "x" }, key: reader.key }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });

  it("refuses a key within moments of its being revoked", async () => {
    const { key, keyId, scope } = await g.newTenant(["documents:read"], g.tenant.scope.organizationId);
    expect((await g.call("/v1/documents", { key })).status).toBe(200);
    await g.pipeline.store.apiKeys.asOperator.revoke(scope.organizationId, keyId);
    while ((await g.call("/v1/documents", { key })).status !== 401) await new Promise((r) => setTimeout(r, 50));
  });

  it("does not tell somebody else's documents and batches from none", async () => {
    const id = await upload("mine alone");
    const batch = (await g.call("/v1/batches", { json: { name: "mine" } })).body.id;
    const paths = [
      ...["", "/content", "/sections", "/pages", "/chunks", "/events", "/file", "/stream"].map(
        (rest) => `/v1/documents/${id}${rest}`,
      ),
      `/v1/batches/${batch}`,
      `/v1/batches/${batch}/stream`,
      `/v1/ledger?batch=${batch}`,
    ];
    const posts = [`/v1/documents/${id}/reprocess`, `/v1/batches/${batch}/cancel`, `/v1/batches/${batch}/seal`];
    for (const key of [other.key]) {
      for (const path of paths) expect([path, (await g.call(path, { key })).status]).toEqual([path, 404]);
      for (const path of posts) expect((await g.call(path, { method: "POST", key })).status).toBe(404);
      expect((await g.call(`/v1/documents/${id}`, { method: "DELETE", key })).status).toBe(404);
      expect((await g.upload([{ bytes: "y" }], { batchId: batch }, { key })).status).toBe(404);
    }
    for (const unknown of [randomUUID(), "not-an-id", "..%2f", "1"]) {
      expect(await g.call(`/v1/documents/${unknown}`)).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
    expect((await g.call("/v1/documents", { key: other.key })).body.items).toEqual([]);
  });
});

it("writes nothing clinical to its log, whatever is sent", async () => {
  const canary = "Zanzibar-Okonkwo";
  await g.upload([{ bytes: `text ${canary}`, name: `${canary}.txt` }], {
    tags: canary,
    externalId: canary,
    patient: canary,
    metadata: JSON.stringify({ [canary]: canary }),
  });
  await g.upload([{ bytes: "x" }], { [canary]: canary });
  await g.call("/v1/documents/query", { json: { filter: { patient: canary, colour: canary } } });
  await g.call("/v1/documents/query", { json: { filter: { patient: canary } } });
  await g.call("/v1/search", { json: { query: canary } });
  await g.call("/v1/search", { headers: { "content-type": "application/json" }, body: `{"query": "${canary}` });
  await g.call(`/v1/${canary}?name=${canary}`, { headers: { "x-request-id": canary, "idempotency-key": canary } });
  await g.call(`/v1/documents/${canary}`);
  await g.call("/v1/batches", { json: { name: canary } });
  const log = g.pipeline.logs.join("");
  expect(log).toContain("/v1/documents/query");
  expect(log).not.toContain(canary);
});
