import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { ApiKey, type ScopeName } from "@sluice/contracts";
import { z } from "zod";
import { before, listOf, ok, refused, type TimeCursor } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const Found = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  scopes: z.array(z.string()),
  hash: z.string(),
  touch: z.boolean(),
});
/** Whose key it is, and what it may do. */
export type KeyHolder = Pick<z.infer<typeof Found>, "id" | "organizationId" | "scopes">;
type Wanted = { name: string; scopes: readonly ScopeName[]; expiresAt?: Date };

const Done = z.union([z.object({ outcome: z.literal("ok") }), refused]);
const lookUpBy = 16;

/** Keys have 256 random bits, so a plain hash is as good as a slow one and can be looked up by index. */
export const hashKey = (key: string) => createHash("sha256").update(key).digest("hex");

/** A new key, and what is kept of it: how it begins, and its hash. */
function newKey(wanted: Wanted) {
  const key = `slc_${randomBytes(32).toString("base64url")}`;
  const stored = {
    p_name: wanted.name,
    p_prefix: key.slice(0, 12),
    p_hash: hashKey(key),
    p_scopes: [...wanted.scopes],
    p_expires_at: wanted.expiresAt?.toISOString() ?? null,
  };
  return { key, stored };
}

const page = (items: ApiKey[], limit: number) => {
  const last = items.at(-1);
  return { items, next: items.length < limit || last === undefined ? null : { at: last.createdAt, id: last.id } };
};

/** Keys of organizations. A key is known this once, to whoever makes it; what is stored can't be turned back into it. */
export function createApiKeys(rpc: Rpc) {
  return {
    /** Newest first, revoked and expired ones included. */
    async list(scope: Scope, cursor: TimeCursor | null, limit: number) {
      const args = { ...scoped(scope), ...before(cursor), p_limit: limit };
      return page(ok(await rpc.call("sluice_api_keys", args, listOf(ApiKey))).items, limit);
    },
    /** For somebody, who can give away no more than they have: `scopes_exceeded`. */
    async create(scope: Scope, wanted: Wanted) {
      const { key, stored } = newKey(wanted);
      const answer = z.union([
        z.object({ outcome: z.literal("ok"), item: ApiKey }),
        z.object({ outcome: z.literal("scopes_exceeded") }),
        refused,
      ]);
      const { item } = ok(await rpc.call("sluice_issue_api_key", { ...scoped(scope), ...stored }, answer));
      return { ...item, key };
    },
    /** From now on it is refused; gateways that remember it forget within a second. */
    async revoke(scope: Scope, keyId: string): Promise<void> {
      ok(await rpc.call("sluice_withdraw_api_key", { ...scoped(scope), p_key: keyId }, Done));
    },
    /** Whose key this is; null for one that is wrong, expired or revoked. */
    async authenticate(key: string): Promise<KeyHolder | null> {
      const hash = Buffer.from(hashKey(key));
      const args = { p_hash_start: hash.subarray(0, lookUpBy).toString() };
      const found = await rpc.call("sluice_find_api_keys", args, z.array(Found));
      let holder: z.infer<typeof Found> | undefined;
      // Each of them, to the end: how long it takes says nothing of how much agrees.
      for (const each of found) {
        const known = Buffer.from(each.hash);
        if (known.length === hash.length && timingSafeEqual(known, hash)) holder = each;
      }
      if (holder === undefined) return null;
      const { id, organizationId, scopes, touch } = holder;
      if (touch) {
        await rpc.call("sluice_touch_api_key", { p_organization: organizationId, p_key: id }, z.unknown());
      }
      return { id, organizationId, scopes };
    },
    /** Which of these may not go on, by their places. */
    refused(
      items: { organizationId: string; caller: object; scope: string; documentId?: string }[],
    ): Promise<number[]> {
      return rpc.call("sluice_refused_callers", { p_items: items as never }, z.array(z.number()));
    },
    /** What the operator does, with the secret key and nobody's leave. */
    asOperator: {
      async list(organizationId: string, cursor: TimeCursor | null, limit: number) {
        const args = { p_organization: organizationId, ...before(cursor), p_limit: limit };
        return page(await rpc.call("sluice_list_api_keys", args, z.array(ApiKey)), limit);
      },
      async create({ organizationId, ...wanted }: Wanted & { organizationId: string }) {
        const { key, stored } = newKey(wanted);
        const id = await rpc.call("sluice_create_api_key", { p_organization: organizationId, ...stored }, z.uuid());
        return { id, key };
      },
      revoke(organizationId: string, keyId: string): Promise<boolean> {
        return rpc.call("sluice_revoke_api_key", { p_organization: organizationId, p_key: keyId }, z.boolean());
      },
    },
  };
}
