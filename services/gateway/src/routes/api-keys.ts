import { ApiKey, CreatedApiKey, list, NewApiKey, PageQuery } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** The organization's API keys. */
export function apiKeyOperations({ store }: Pick<GatewayContext, "store">): Operation[] {
  return [
    operation({
      method: "post",
      path: "/v1/api-keys",
      tag: "access",
      summary: "Make a key",
      description:
        "The key is answered this once. It can be given no scope that its maker lacks. Idempotency-Key does nothing here: an answer that is kept would keep the key.",
      scope: "admin",
      body: NewApiKey,
      example: { name: "interface engine", scopes: ["documents:write"], expiresAt: "2099-01-31T00:00:00Z" },
      answers: { 201: { description: "The key", schema: CreatedApiKey } },
      problems: ["scopes_exceeded"],
      async handle({ scope, body: { expiresAt, ...wanted } }) {
        const until = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) };
        return { status: 201, body: await store.apiKeys.create(scope, { ...wanted, ...until }) };
      },
    }),
    operation({
      method: "get",
      path: "/v1/api-keys",
      tag: "access",
      summary: "List keys, newest first; revoked and expired ones, too",
      scope: "admin",
      query: PageQuery,
      answers: { 200: { description: "A page", schema: list(ApiKey) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor } }) {
        const place = decodeCursor("api-keys", null, TimePlace, cursor);
        const { items, next } = await store.apiKeys.list(scope, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("api-keys", null, next) } };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/api-keys/{id}",
      tag: "access",
      summary: "Revoke a key",
      description:
        "Within a second it is refused everywhere and its open streams close, Redis or no Redis. Links to originals that it was given work until they end (`signedUrlSeconds` of /v1/config, an hour at most); upload links take a file for two hours, which nobody then takes in.",
      scope: "admin",
      answers: { 204: { description: "It is revoked" } },
      async handle({ scope, id }) {
        await store.apiKeys.revoke(scope, id);
        return { status: 204 };
      },
    }),
  ];
}
