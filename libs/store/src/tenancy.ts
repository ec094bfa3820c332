import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Rpc } from "./rpc.js";

export const allScopes = [
  "documents:read",
  "documents:write",
  "documents:delete",
  "search",
  "admin",
  "audit:read",
] as const;
export type ScopeName = (typeof allScopes)[number];

const Identity = z.object({ id: z.uuid(), organizationId: z.uuid(), scopes: z.array(z.string()) });
const Membership = z.object({ organizationId: z.uuid(), role: z.string(), scopes: z.array(z.string()) });
const Organization = z.object({ id: z.uuid(), name: z.string(), activeModel: z.string().nullable() });
export type Organization = z.infer<typeof Organization>;

/** Keys have 256 random bits, so a plain hash is as good as a slow one and can be looked up by index. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Organizations, their members and their keys. */
export function createTenancy(rpc: Rpc) {
  return {
    async createOrganization(organization: { name: string }): Promise<{ id: string }> {
      return { id: await rpc.call("sluice_create_organization", { p_name: organization.name }, z.uuid()) };
    },
    /** By id, after `after`; an empty answer is the end. */
    listOrganizations(after: string | null, limit = 200): Promise<Organization[]> {
      return rpc.call("sluice_list_organizations", { p_after: after, p_limit: limit }, z.array(Organization));
    },
    async setMember(
      organizationId: string,
      userId: string,
      role: "owner" | "admin" | "member" | "viewer" | "auditor",
    ): Promise<void> {
      await rpc.call(
        "sluice_set_member",
        { p_organization: organizationId, p_user: userId, p_role: role },
        z.unknown(),
      );
    },
    memberships(userId: string): Promise<z.infer<typeof Membership>[]> {
      return rpc.call("sluice_memberships", { p_user: userId }, z.array(Membership));
    },
    /** The key is shown this once; only its hash is stored. */
    async createApiKey(options: {
      organizationId: string;
      name: string;
      scopes: readonly ScopeName[];
      expiresAt?: Date;
    }): Promise<{ id: string; key: string }> {
      const key = `slc_${randomBytes(32).toString("base64url")}`;
      const id = await rpc.call(
        "sluice_create_api_key",
        {
          p_organization: options.organizationId,
          p_name: options.name,
          p_prefix: key.slice(0, 8),
          p_hash: hashKey(key),
          p_scopes: [...options.scopes],
          p_expires_at: options.expiresAt?.toISOString() ?? null,
        },
        z.uuid(),
      );
      return { id, key };
    },
    revokeApiKey(organizationId: string, keyId: string): Promise<boolean> {
      return rpc.call("sluice_revoke_api_key", { p_organization: organizationId, p_key: keyId }, z.boolean());
    },
    /** Whose key this is; null for one that is wrong, expired or revoked. */
    authenticateKey(key: string): Promise<z.infer<typeof Identity> | null> {
      return rpc.call("sluice_authenticate_key", { p_hash: hashKey(key) }, Identity.nullable());
    },
  };
}
