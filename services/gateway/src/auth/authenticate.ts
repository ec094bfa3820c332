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
/** Somebody with a live session, of whatever organization. */
export interface Person {
  userId: string;
  sessionId: string;
  hasSecondFactor: boolean;
  expiresAt: Date;
  /** As it was sent, for what Supabase Auth does for its bearer. */
  token: string;
}
export interface Authenticator {
  /** A key or a person, in one organization. */
  caller(request: Request, exchange: Exchange): Promise<Identity>;
  person(request: Request, exchange: Exchange): Promise<Person>;
}

const keyFormat = /^slc_[\w-]{20,100}$/;
const ttlMs = 1_000;
/** Those whose account opens everything. */
const isPowerful = (role: string) => role === "owner" || role === "admin";

type Memberships = Awaited<ReturnType<Store["tenancy"]["memberships"]>>;

/** API keys and Supabase tokens, to one kind of caller. A revoked key and an ended session are refused within a second. */
export function createAuthenticator(options: {
  apiKeys: Pick<Store["apiKeys"], "authenticate">;
  tenancy: Pick<Store["tenancy"], "memberships">;
  sessions: Pick<Store["sessions"], "check">;
  verifyToken: (token: string) => Promise<TokenHolder>;
  idleSeconds: number;
  mfa: "required" | "off";
}): Authenticator {
  const keys = createBriefCache<KeyHolder | null>({ ttlMs, size: 10_000, keep: (holder) => holder !== null });
  const people = createBriefCache<Memberships>({ ttlMs, size: 10_000, keep: (memberships) => memberships.length > 0 });
  const sessions = createBriefCache<boolean>({ ttlMs, size: 10_000, keep: (isLive) => isLive });

  async function byKey(key: string, request: Request, exchange: Exchange): Promise<Identity> {
    if (!keyFormat.test(key)) throw new SluiceError("unauthenticated");
    const hash = createHash("sha256").update(key).digest("base64");
    const holder = await keys(hash, () => options.apiKeys.authenticate(key));
    if (holder === null) throw new SluiceError("unauthenticated");
    const named = request.get("x-organization");
    if (named !== undefined && named.toLowerCase() !== holder.organizationId) throw new SluiceError("forbidden");
    Object.assign(exchange, { organizationId: holder.organizationId, keyId: holder.id });
    const caller = { kind: "api_key" as const, id: holder.id, ...originOf(request, exchange) };
    return { scope: { organizationId: holder.organizationId, caller }, scopes: holder.scopes, expiresAt: null };
  }

  async function personBy(token: string, exchange: Exchange): Promise<Person> {
    const { userId, sessionId, ...rest } = await options.verifyToken(token);
    exchange.userId = userId;
    // A session that no login here began was had past the gateway, and past what guards its door.
    if (sessionId === null) throw new SluiceError("unauthenticated");
    const check = () => options.sessions.check(sessionId, userId, options.idleSeconds);
    if (!(await sessions(`${sessionId}/${userId}`, check))) throw new SluiceError("unauthenticated");
    return { userId, sessionId, token, ...rest };
  }

  async function byToken(token: string, request: Request, exchange: Exchange): Promise<Identity> {
    const { userId, sessionId, expiresAt, hasSecondFactor } = await personBy(token, exchange);
    const memberships = await people(userId, () => options.tenancy.memberships(userId));
    const named = request.get("x-organization")?.toLowerCase();
    if (named === undefined && memberships.length > 1) throw new SluiceError("organization_ambiguous");
    const chosen = named === undefined ? memberships[0] : memberships.find((each) => each.organizationId === named);
    if (chosen === undefined) throw new SluiceError("forbidden");
    if (options.mfa === "required" && isPowerful(chosen.role) && !hasSecondFactor)
      throw new SluiceError("mfa_required");
    exchange.organizationId = chosen.organizationId;
    const caller = { kind: "user" as const, id: userId, sessionId, ...originOf(request, exchange) };
    return { scope: { organizationId: chosen.organizationId, caller }, scopes: chosen.scopes, expiresAt };
  }

  return {
    async caller(request, exchange) {
      const key = request.get("x-api-key");
      if (key !== undefined) return byKey(key, request, exchange);
      const token = bearerOf(request);
      // Clients that know only one way to send a credential send keys as bearers.
      return keyFormat.test(token) ? byKey(token, request, exchange) : byToken(token, request, exchange);
    },
    async person(request, exchange) {
      if (request.get("x-api-key") !== undefined) throw new SluiceError("unauthenticated");
      return personBy(bearerOf(request), exchange);
    },
  };
}

function bearerOf(request: Request): string {
  const bearer = /^Bearer +([\w.~+/-]+=*)$/i.exec(request.get("authorization") ?? "")?.[1];
  if (bearer === undefined) throw new SluiceError("unauthenticated");
  return bearer;
}

/** Where a request came from, for the audit. */
export function originOf(request: Request, { requestId }: Pick<Exchange, "requestId">) {
  return { requestId, ...(request.ip === undefined ? {} : { address: request.ip }) };
}
