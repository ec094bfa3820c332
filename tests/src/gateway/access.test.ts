import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { allScopes, type Role, roleScopes, roles, type ScopeName } from "@sluice/contracts";
import { type Answer, type CallOptions, createGatewayFixture, type GatewayFixture } from "./support.js";

/**
 * Who may do what: every call of the API with what it takes. `any`: whoever has a valid credential; `person`: somebody logged in;
 * `nobody`: everybody. A call that is not here, or is here with another scope than it declares, fails.
 */
const read = ["content", "sections", "pages", "tables", "facts", "chunks", "events", "file", "stream", "why"];
const access: Record<ScopeName | "any" | "person" | "nobody", string[]> = {
  "documents:read": [
    "GET /v1/documents",
    "POST /v1/documents/query",
    "GET /v1/documents/{id}",
    ...read.map((what) => `GET /v1/documents/{id}/${what}`),
    "GET /v1/batches",
    "GET /v1/batches/{id}",
    "GET /v1/batches/{id}/stream",
    "GET /v1/dead-letters",
    "GET /v1/ledger",
    "GET /v1/reviews",
  ],
  "documents:write": [
    "POST /v1/documents",
    "POST /v1/documents/{id}/reprocess",
    "POST /v1/uploads",
    "POST /v1/batches",
    "POST /v1/batches/{id}/documents",
    ...["seal", "pause", "resume", "cancel", "retry"].map((action) => `POST /v1/batches/{id}/${action}`),
    "POST /v1/dead-letters/replay",
    "POST /v1/dead-letters/discard",
    "POST /v1/reviews/{id}/settle",
  ],
  "documents:delete": ["DELETE /v1/documents/{id}"],
  "audit:read": ["GET /v1/audit"],
  search: ["POST /v1/search"],
  admin: [
    "GET /v1/admin/queues",
    "POST /v1/admin/queues/pause",
    "POST /v1/admin/queues/resume",
    "GET /v1/usage",
    "POST /v1/admin/budget",
    "GET /v1/admin/reindex",
    ...["", "/estimate", "/rollback", "/cancel"].map((what) => `POST /v1/admin/reindex${what}`),
    "POST /v1/webhooks",
    "GET /v1/webhooks",
    "DELETE /v1/webhooks/{id}",
    "GET /v1/webhooks/{id}/deliveries",
    "POST /v1/webhook-deliveries/{id}/redeliver",
    "GET /v1/api-keys",
    "POST /v1/api-keys",
    "DELETE /v1/api-keys/{id}",
    "GET /v1/documents/{id}/access",
    "POST /v1/documents/{id}/access",
    "GET /v1/members",
    "POST /v1/members/{id}",
    "GET /v1/invitations",
    "POST /v1/invitations",
    "DELETE /v1/invitations/{id}",
  ],
  // Anybody may leave; removing somebody else takes `admin`, which the database asks for.
  any: ["GET /v1/me", "DELETE /v1/members/{id}"],
  person: [
    ...["logout", "password", "email"].map((what) => `POST /v1/auth/${what}`),
    "GET /v1/auth/sessions",
    "DELETE /v1/auth/sessions/{id}",
    "GET /v1/auth/mfa/factors",
    "POST /v1/auth/mfa/factors",
    "POST /v1/auth/mfa/factors/{id}/verify",
    "DELETE /v1/auth/mfa/factors/{id}",
    "GET /v1/organizations",
    "POST /v1/invitations/accept",
  ],
  nobody: [
    ...["signup", "login", "refresh", "recover", "reset", "confirm"].map((what) => `POST /v1/auth/${what}`),
    ...["/v1/config", "/openapi.json", "/healthz", "/readyz", "/metrics"].map((path) => `GET ${path}`),
  ],
};

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

const call = (operation: string, options: CallOptions): Promise<Answer> => {
  const [method = "", path = ""] = operation.split(" ");
  const json = method === "POST" ? { json: {} } : {};
  return g.call(path.replace("{id}", randomUUID()), { ...options, ...json, method });
};
const isRefused = ({ status }: Answer) => status === 401 || status === 403;

it("is the same here, in what the API declares, and in the database", async () => {
  const { body } = await g.call("/openapi.json", { key: null });
  const declared: Record<string, string> = {};
  type Described = { "x-scope"?: string; security: object[] };
  for (const [path, methods] of Object.entries(body.paths as Record<string, Record<string, Described>>))
    for (const [method, { "x-scope": scope, security }] of Object.entries(methods))
      declared[`${method.toUpperCase()} ${path}`] = security.length === 0 ? "nobody" : (scope ?? "any");
  const expected = Object.entries(access).flatMap(([scope, all]) => all.map((each) => [each, scope]));
  expect(declared).toEqual(Object.fromEntries(expected));
  for (const role of roles) {
    const [row] = await g.pipeline.supabase.query<{ scopes: string[] }>("select sluice.role_scopes($1) as scopes", [
      role,
    ]);
    expect({ role, scopes: row?.scopes }).toEqual({ role, scopes: roleScopes[role] });
  }
});

describe("each call", () => {
  it("takes a person of a role that has its scope, and no other", async () => {
    for (const role of roles) {
      const scopes: readonly string[] = roleScopes[role as Role];
      for (const [scope, operations] of Object.entries(access)) {
        if (scope === "any" || scope === "person" || scope === "nobody") continue;
        for (const operation of operations) {
          // One each: what they do must not be in the others' way.
          const { as } = await g.newPerson(role);
          const refused = isRefused(await call(operation, as));
          expect({ role, operation, refused }).toEqual({ role, operation, refused: !scopes.includes(scope) });
        }
      }
    }
  });

  it("takes a key that has its scope, and no other", async () => {
    for (const held of allScopes) {
      const { key } = await g.newTenant([held], g.tenant.scope.organizationId);
      for (const [scope, operations] of Object.entries(access)) {
        if (scope === "any" || scope === "nobody") continue;
        for (const operation of operations) {
          const refused = isRefused(await call(operation, { key }));
          expect({ held, operation, refused }).toEqual({ held, operation, refused: scope !== held });
        }
      }
    }
  });

  it("takes nobody of another organization, and nobody at all, where it takes somebody", async () => {
    const other = await g.newTenant();
    const stranger = await g.newPerson("owner", other.scope.organizationId);
    const bare = await g.newPerson();
    const here = { "x-organization": g.tenant.scope.organizationId };
    for (const [scope, operations] of Object.entries(access)) {
      if (scope === "nobody") continue;
      for (const operation of operations) {
        const answers = [await call(operation, { key: null })];
        if (scope !== "person")
          answers.push(
            await call(operation, { key: other.key, headers: here }),
            await call(operation, { key: null, headers: { ...stranger.as.headers, ...here } }),
            await call(operation, bare.as),
          );
        expect({ operation, statuses: answers.map(({ status }) => status) }).toEqual({
          operation,
          statuses: [401, 403, 403, 403].slice(0, answers.length),
        });
      }
    }
  });
});
