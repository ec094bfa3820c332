import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture({ GATEWAY_MAX_JSON_KB: "16", CORS_ORIGINS: "https://console.example" });
});
afterAll(() => g?.destroy());

const upload = async (text: string, fields?: Record<string, string>): Promise<string> =>
  (await g.upload([{ bytes: text }], fields)).body.documents[0].id;

describe("what the service says of itself", () => {
  it("describes every route it has", async () => {
    const { body } = await g.call("/openapi.json", { key: null });
    expect(body.openapi).toBe("3.1.0");
    const listed = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const document = "/v1/documents/{id}";
    const batch = "/v1/batches/{id}";
    expect(listed.sort()).toEqual(
      [
        "POST /v1/documents",
        "GET /v1/documents",
        "POST /v1/documents/query",
        `GET ${document}`,
        `DELETE ${document}`,
        `POST ${document}/reprocess`,
        `GET ${document}/access`,
        `POST ${document}/access`,
        ...["content", "sections", "pages", "tables", "facts", "chunks", "events", "file", "stream", "why"].map(
          (what) => `GET ${document}/${what}`,
        ),
        "POST /v1/batches",
        "GET /v1/batches",
        `GET ${batch}`,
        `GET ${batch}/stream`,
        ...["seal", "pause", "resume", "cancel", "retry"].map((action) => `POST ${batch}/${action}`),
        "POST /v1/search",
        "GET /v1/dead-letters",
        "POST /v1/dead-letters/replay",
        "POST /v1/dead-letters/discard",
        "GET /v1/admin/queues",
        "POST /v1/admin/queues/pause",
        "POST /v1/admin/queues/resume",
        "GET /v1/ledger",
        "GET /v1/usage",
        "GET /v1/audit",
        "POST /v1/admin/budget",
        "GET /v1/admin/reindex",
        ...["", "/estimate", "/rollback", "/cancel"].map((what) => `POST /v1/admin/reindex${what}`),
        "GET /v1/reviews",
        "POST /v1/uploads",
        `POST ${batch}/documents`,
        ...["signup", "login", "refresh", "logout", "recover", "reset", "confirm", "password", "email"].map(
          (what) => `POST /v1/auth/${what}`,
        ),
        "GET /v1/auth/sessions",
        "DELETE /v1/auth/sessions/{id}",
        "GET /v1/auth/mfa/factors",
        "POST /v1/auth/mfa/factors",
        "POST /v1/auth/mfa/factors/{id}/verify",
        "DELETE /v1/auth/mfa/factors/{id}",
        "GET /v1/organizations",
        "GET /v1/members",
        "POST /v1/members/{id}",
        "DELETE /v1/members/{id}",
        "GET /v1/invitations",
        "POST /v1/invitations",
        "POST /v1/invitations/accept",
        "DELETE /v1/invitations/{id}",
        "POST /v1/api-keys",
        "GET /v1/api-keys",
        "DELETE /v1/api-keys/{id}",
        "POST /v1/webhooks",
        "GET /v1/webhooks",
        "DELETE /v1/webhooks/{id}",
        "GET /v1/webhooks/{id}/deliveries",
        "POST /v1/webhook-deliveries/{id}/redeliver",
        "POST /v1/reviews/{id}/settle",
        ...["/v1/config", "/v1/me", "/openapi.json", "/healthz", "/readyz", "/metrics"].map((path) => `GET ${path}`),
      ].sort(),
    );
    const refs = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
    for (const ref of refs) expect(body.components.schemas).toHaveProperty(ref as string);
    expect(refs).toContain("Problem");
    const ids = Object.values(body.paths as Record<string, Record<string, { operationId: string }>>).flatMap((each) =>
      Object.values(each).map((operation) => operation.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(body.paths["/v1/documents"].post.requestBody.content).toHaveProperty("multipart/form-data");
    expect(body.components.securitySchemes).toMatchObject({
      apiKey: { name: "X-API-Key" },
      bearer: { scheme: "bearer" },
    });
  });

  it("shows its documentation without asking anybody else", async () => {
    const page = await g.call("/docs/", { key: null });
    expect(page.body).not.toMatch(/https?:\/\//);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    for (const path of ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"]) {
      expect((await g.call(`/docs/${path}`, { key: null })).status).toBe(200);
    }
    for (const path of ["index.html", "package.json", "..%2fpackage.json", "swagger-initializer.js"]) {
      expect((await g.call(`/docs/${path}`, { key: null })).status).toBe(404);
    }
  });

  it("tells clients its limits, and no secrets", async () => {
    const { body } = await g.call("/v1/config", { key: null });
    expect(body).toMatchObject({
      limits: { maxFileBytes: 104_857_600, maxJsonBytes: 16_384 },
      embedding: { provider: "local", dimensions: 384, lexical: true },
      searchModes: ["hybrid", "semantic", "keyword"],
    });
    const text = JSON.stringify(body);
    for (const secret of [g.pipeline.supabase.secretKey, g.pipeline.supabase.jwtSecret, g.pipeline.redis.url]) {
      expect(text).not.toContain(secret);
    }
  });

  it("leads whoever opens its address to the documentation", async () => {
    const answer = await fetch(g.urlOf("/"), { redirect: "manual" });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/docs"]);
    expect((await fetch(g.urlOf("/"))).headers.get("content-type")).toContain("text/html");
    expect((await g.call("/", { method: "POST", json: {} })).body).toMatchObject({ code: "not_found" });
  });

  it("tells a caller who it is, whatever it may do, and nobody else", async () => {
    const { key, keyId, scope } = await g.newTenant(["search"]);
    const { organizationId } = scope;
    expect(await g.call("/v1/me", { key })).toMatchObject({
      status: 200,
      body: { organizationId, caller: { kind: "api_key", id: keyId }, scopes: ["search"] },
    });
    expect((await g.call("/v1/me", { key: null })).status).toBe(401);
    const elsewhere = await g.call("/v1/me", { key, headers: { "x-organization": g.tenant.scope.organizationId } });
    expect(elsewhere.status).toBe(403);
  });

  it("measures by route, never by path", async () => {
    const id = await upload("measured");
    await g.call(`/v1/documents/${id}`);
    await g.call("/v1/canary-path?canary=1");
    const { body } = await g.call("/metrics", { key: null });
    expect(body).toContain('route="/v1/documents/{id}"');
    expect(body).toContain('route="unmatched"');
    expect(body).not.toContain(id);
    expect(body).not.toContain("canary");
  });

  it("answers browsers of listed origins only", async () => {
    const preflight = (origin: string) =>
      fetch(g.urlOf("/v1/search"), {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    const listed = await preflight("https://console.example");
    expect([listed.status, listed.headers.get("access-control-allow-origin")]).toEqual([
      204,
      "https://console.example",
    ]);
    const stranger = await preflight("https://elsewhere.example");
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("takes a request id that is one, and makes one where it is not", async () => {
    const mine = randomUUID();
    const taken = await g.call("/healthz", { headers: { "x-request-id": mine } });
    expect(taken.headers.get("x-request-id")).toBe(mine);
    const made = await g.call("/healthz", { headers: { "x-request-id": "Jane Doe" } });
    expect(made.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });
});
