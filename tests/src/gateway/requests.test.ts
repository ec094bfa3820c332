import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGatewayFixture, formOf, type GatewayFixture, type Tenant } from "./support.js";

let g: GatewayFixture;
let other: Tenant;
beforeAll(async () => {
  g = await createGatewayFixture({ GATEWAY_MAX_JSON_KB: "16", GATEWAY_MAX_FILE_MB: "1" });
  other = await g.newTenant();
});
afterAll(() => g?.destroy());

const upload = async (text: string, fields?: Record<string, string>): Promise<string> =>
  (await g.upload([{ bytes: text }], fields)).body.documents[0].id;

describe("requests that do not fit", () => {
  const json = (body: string) => ({ headers: { "content-type": "application/json" }, body });
  it.each([
    ["malformed JSON", "/v1/search", json('{"query": '), 400, "json_malformed", ""],
    ["JSON that is no object", "/v1/search", json("[]"), 400, "request_invalid", ""],
    ["a missing field", "/v1/search", { json: {} }, 400, "request_invalid", "query"],
    ["no body", "/v1/batches", { method: "POST" }, 400, "request_invalid", "name"],
    ["an unknown field", "/v1/search", { json: { query: "x", colour: 1 } }, 400, "request_invalid", "colour"],
    [
      "an unknown field inside",
      "/v1/documents/query",
      { json: { filter: { colour: 1 } } },
      400,
      "request_invalid",
      "filter.colour",
    ],
    ["a path that is no text", "/v1/documents/%zz", {}, 404, "not_found", undefined],
    [
      "more than any batch holds",
      "/v1/batches",
      { json: { name: "x", expected: 2_147_483_648 } },
      400,
      "request_invalid",
      "expected",
    ],
    ["a wrong type", "/v1/search", { json: { query: "x", k: "ten" } }, 400, "request_invalid", "k"],
    ["a value out of bounds", "/v1/search", { json: { query: "x", k: 1_000 } }, 400, "request_invalid", "k"],
    [
      "a filter that is no date",
      "/v1/search",
      { json: { query: "x", filter: { from: "soon" } } },
      400,
      "request_invalid",
      "filter.from",
    ],
    ["a character that can't be stored", "/v1/search", { json: { query: "a\0b" } }, 400, "query_unreadable", "query"],
    [
      "half a character",
      "/v1/documents/query",
      json('{"filter":{"tags":["\\ud800"]}}'),
      400,
      "request_invalid",
      "filter.tags.0",
    ],
    [
      "deep nesting",
      "/v1/documents/query",
      json(`{"filter":{"metadata":${'{"a":'.repeat(400)}1${"}".repeat(401)}}`),
      400,
      "request_invalid",
      undefined,
    ],
    [
      "another content type",
      "/v1/search",
      { headers: { "content-type": "text/plain" }, body: "x" },
      415,
      "content_type_unsupported",
      undefined,
    ],
    [
      "another charset",
      "/v1/search",
      { headers: { "content-type": "application/json; charset=klingon" }, body: "{}" },
      415,
      "content_type_unsupported",
      undefined,
    ],
    [
      "a body that is too large",
      "/v1/search",
      { json: { query: "x".repeat(20_000) } },
      413,
      "body_too_large",
      undefined,
    ],
    ["an unknown parameter", "/v1/documents?colour=red", {}, 400, "request_invalid", "colour"],
    ["a parameter given twice", "/v1/documents?limit=1&limit=2", {}, 400, "request_invalid", "limit"],
    ["a limit out of bounds", "/v1/documents?limit=201", {}, 400, "request_invalid", "limit"],
    ["a status that is none", "/v1/documents?status=lost", {}, 400, "request_invalid", "status"],
    ["a cursor that is none", "/v1/documents?cursor=abc", {}, 400, "cursor_invalid", "cursor"],
    [
      "a field an action does not take",
      `/v1/batches/${randomUUID()}/pause`,
      { json: { expected: 1 } },
      400,
      "request_invalid",
      "expected",
    ],
    [
      "an idempotency key of strange characters",
      "/v1/batches",
      { json: { name: "x" }, headers: { "idempotency-key": "a b" } },
      400,
      "request_invalid",
      "Idempotency-Key",
    ],
    ["an unknown path", "/v1/nothing", {}, 404, "not_found", undefined],
  ])("names what is wrong: %s", async (_what, path, options, status, code, field) => {
    const answer = await g.call(path, options as never);
    expect(answer).toMatchObject({
      status,
      body: { status, code, title: expect.any(String), advice: expect.any(String) },
    });
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    if (field !== undefined) {
      expect(answer.body.errors).toContainEqual({ path: field, message: expect.any(String) });
    }
  });

  it("says which methods a path takes", async () => {
    const answer = await g.call("/v1/documents", { method: "PATCH", json: {} });
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe("POST, GET, HEAD");
  });

  it("does not repeat what was sent", async () => {
    for (const body of ['{"query":"canary', '{"k":"canary"}', '{"mode":"canary","query":"x"}']) {
      expect(JSON.stringify((await g.call("/v1/search", json(body))).body)).not.toContain("canary");
    }
  });

  it("takes a cursor only where it was given, with the filter it was given for", async () => {
    for (let i = 0; i < 5; i++) await upload(`paged ${i}`, { tags: "paged" });
    const filter = { tags: ["paged"] };
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const json: object = { filter, limit: 2, ...(cursor === null ? {} : { cursor }) };
      const page: { items: { id: string }[]; nextCursor: string | null } = (
        await g.call("/v1/documents/query", { json })
      ).body;
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(5);

    const { nextCursor } = (await g.call("/v1/documents/query", { json: { filter, limit: 2 } })).body;
    for (const answer of [
      await g.call("/v1/documents/query", { json: { filter: { tags: ["other"] }, limit: 2, cursor: nextCursor } }),
      await g.call(`/v1/documents?cursor=${nextCursor}`),
      await g.call(`/v1/batches?cursor=${nextCursor}`),
    ]) {
      expect(answer).toMatchObject({ status: 400, body: { code: "cursor_invalid", errors: [{ path: "cursor" }] } });
    }
  });
});

describe("Idempotency-Key", () => {
  const withKey = (key: string) => ({ "idempotency-key": key });
  const inStore = ({ scope }: Tenant) =>
    g.pipeline.supabase.query(
      "select name from storage.objects where name like $1 || '/%' union select id::text from sluice.documents where organization_id = $1::uuid order by 1",
      [scope.organizationId],
    );

  it("answers the second request with the first one's answer", async () => {
    const headers = withKey(randomUUID());
    const first = await g.call("/v1/batches", { json: { name: "once" }, headers });
    const second = await g.call("/v1/batches", { json: { name: "once" }, headers });
    expect(first.headers.get("idempotent-replay")).toBeNull();
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(second.headers.get("idempotent-replay")).toBe("true");
    const { items } = (await g.call("/v1/batches")).body;
    expect(items.filter((batch: { name: string }) => batch.name === "once")).toHaveLength(1);
  });

  it("refuses the key for another request, and leaves it to other organizations", async () => {
    const headers = withKey(randomUUID());
    await g.call("/v1/batches", { json: { name: "first" }, headers });
    const reused = await g.call("/v1/batches", { json: { name: "second" }, headers });
    expect(reused).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
    const elsewhere = await g.call("/v1/batches", { json: { name: "second" }, headers, key: other.key });
    expect(elsewhere).toMatchObject({ status: 201, body: { name: "second" } });
  });

  it("answers an upload again without taking it again", async () => {
    const headers = withKey(randomUUID());
    const first = await g.call("/v1/documents", { body: formOf([{ bytes: "sent once" }]), headers });
    const second = await g.call("/v1/documents", { body: formOf([{ bytes: "sent once" }]), headers });
    expect(second.body).toEqual(first.body);
    expect(second.body.documents[0]).not.toHaveProperty("duplicateOf");
  });

  it.each([
    ["other bytes", [{ bytes: "the form, first" }, { bytes: "the form, changed" }], { tags: "a" }],
    ["another order", [{ bytes: "the form, second" }, { bytes: "the form, first" }], { tags: "a" }],
    ["another name", [{ bytes: "the form, first", name: "other.txt" }, { bytes: "the form, second" }], { tags: "a" }],
    ["a file less", [{ bytes: "the form, first" }], { tags: "a" }],
    ["a file more", [{ bytes: "the form, first" }, { bytes: "the form, second" }, { bytes: "3" }], { tags: "a" }],
    ["another field", [{ bytes: "the form, first" }, { bytes: "the form, second" }], { tags: "b" }],
    ["a field more", [{ bytes: "the form, first" }, { bytes: "the form, second" }], { tags: "a", patient: "p" }],
  ])("refuses the key for a form with %s, and takes nothing of it", async (_, files, fields) => {
    const tenant = await g.newTenant();
    const options = { headers: withKey(randomUUID()), key: tenant.key };
    const first = [{ bytes: "the form, first" }, { bytes: "the form, second" }];
    expect(await g.upload(first, { tags: "a" }, options)).toMatchObject({ status: 202 });
    const before = await inStore(tenant);
    expect(before).toHaveLength(4);
    const answer = await g.upload(files, fields as unknown as Record<string, string>, options);
    expect(answer).toMatchObject({ status: 422, body: { code: "idempotency_form_differs" } });
    expect(await inStore(tenant)).toEqual(before);
    expect(await g.upload(first, { tags: "a" }, options)).toMatchObject({ status: 202 });
    expect(await inStore(tenant)).toEqual(before);
  });

  it("knows a form again with all of its files, those that were refused included", async () => {
    const headers = withKey(randomUUID());
    const binary = Buffer.alloc(300_000, 1);
    const large = Buffer.alloc(2 * 1024 * 1024, "too large ");
    const send = (refused: Buffer) =>
      g.upload([{ bytes: "taken" }, { bytes: refused }, { bytes: large }, { bytes: "" }], {}, { headers });
    const first = await send(binary);
    expect(first.body.documents.map((each: { problem?: { status: number } }) => each.problem?.status)).toEqual([
      undefined,
      415,
      413,
      400,
    ]);
    const again = await send(binary);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replay")).toBe("true");
    const other = Buffer.from(binary);
    other[other.length - 1] = 2;
    expect(await send(other)).toMatchObject({ status: 422, body: { code: "idempotency_form_differs" } });
  });

  it("gives the key back when the request was refused", async () => {
    const headers = withKey(randomUUID());
    expect((await g.call("/v1/documents", { body: formOf([{ bytes: "" }]), headers })).status).toBe(400);
    const again = await g.call("/v1/documents", { body: formOf([{ bytes: "not empty now" }]), headers });
    expect(again.status).toBe(202);
    expect(again.headers.get("idempotent-replay")).toBeNull();
  });

  it("reads again for a query, so that nothing withdrawn comes back", async () => {
    const headers = withKey(randomUUID());
    const id = await upload("soon withdrawn", { externalId: "withdrawn" });
    const json = { filter: { externalId: "withdrawn" } };
    expect((await g.call("/v1/documents/query", { json, headers })).body.items).toHaveLength(1);
    await g.call(`/v1/documents/${id}`, { method: "DELETE" });
    const again = await g.call("/v1/documents/query", { json, headers });
    expect(again.body.items).toEqual([]);
    expect(again.headers.get("idempotent-replay")).toBe("true");
  });
});
