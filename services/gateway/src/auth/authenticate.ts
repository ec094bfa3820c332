import { createHash } from "node:crypto";
import { SluiceError } from "@sluice/contracts";
import type { KeyHolder, Scope, Store } from "@sluice/store";
import type { Request } from "express";
import type { Exchange } from "../http/exchange.js";
import { createBriefCache } from "./brief-cache.js";
import type { TokenHolder } from "./tokens.js";

/** On whose behalf a request acts, and what that one may do. The database checks it again at every call. */
export interface Identity {
  scope: Scope;
  scopes: readonly string[];
  expiresAt: Date | null;
}
export type Authenticate = (request: Request, exchange: Exchange) => Promise<Identity>;

const keyFormat = /^slc_[\w-]{20,100}$/;
const ttlMs = 1_000;

type Memberships = Awaited<ReturnType<Store["tenancy"]["memberships"]>>;

/** API keys and Supabase tokens, to one kind of caller. A revoked key is refused within a second. */
export function createAuthenticate(options: {
  apiKeys: Pick<Store["apiKeys"], "authenticate">;
  tenancy: Pick<Store["tenancy"], "memberships">;
  verifyToken: (token: string) => Promise<TokenHolder>;
}): Authenticate {
  const keys = createBriefCache<KeyHolder | null>({ ttlMs, size: 10_000, keep: (holder) => holder !== null });
  const people = createBriefCache<Memberships>({ ttlMs, size: 10_000, keep: (memberships) => memberships.length > 0 });

  async function byKey(key: string, request: Request, exchange: Exchange): Promise<Identity> {
    if (!keyFormat.test(key)) throw new SluiceError("unauthenticated");
    const hash = createHash("sha256").update(key).digest("base64");
    const holder = await keys(hash, () => options.apiKeys.authenticate(key));
    if (holder === null) throw new SluiceError("unauthenticated");
    const named = request.get("x-organization");
    if (named !== undefined && named.toLowerCase() !== holder.organizationId) throw new SluiceError("forbidden");
    Object.assign(exchange, { organizationId: holder.organizationId, keyId: holder.id });
    return identity("api_key", holder.id, holder.organizationId, holder.scopes, null, request, exchange);
  }

  async function byToken(token: string, request: Request, exchange: Exchange): Promise<Identity> {
    const { userId, expiresAt } = await options.verifyToken(token);
    exchange.userId = userId;
    const memberships = await people(userId, () => options.tenancy.memberships(userId));
    const named = request.get("x-organization")?.toLowerCase();
    if (named === undefined && memberships.length > 1) throw new SluiceError("organization_ambiguous");
    const chosen = named === undefined ? memberships[0] : memberships.find((each) => each.organizationId === named);
    if (chosen === undefined) throw new SluiceError("forbidden");
    exchange.organizationId = chosen.organizationId;
    return identity("user", userId, chosen.organizationId, chosen.scopes, expiresAt, request, exchange);
  }

  return async (request, exchange) => {
    const key = request.get("x-api-key");
    if (key !== undefined) return byKey(key, request, exchange);
    const bearer = /^Bearer +([\w.~+/-]+=*)$/i.exec(request.get("authorization") ?? "")?.[1];
    if (bearer === undefined) throw new SluiceError("unauthenticated");
    // Clients that know only one way to send a credential send keys as bearers.
    return keyFormat.test(bearer) ? byKey(bearer, request, exchange) : byToken(bearer, request, exchange);
  };
}

function identity(
  kind: "api_key" | "user",
  id: string,
  organizationId: string,
  scopes: readonly string[],
  expiresAt: Date | null,
  request: Request,
  { requestId }: Exchange,
): Identity {
  const caller = { kind, id, requestId, ...(request.ip === undefined ? {} : { address: request.ip }) };
  return { scope: { organizationId, caller }, scopes, expiresAt };
}
