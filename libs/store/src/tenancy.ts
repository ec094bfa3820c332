import { z } from "zod";
import type { Rpc } from "./rpc.js";

const Membership = z.object({ organizationId: z.uuid(), role: z.string(), scopes: z.array(z.string()) });
const Organization = z.object({ id: z.uuid(), name: z.string(), activeModel: z.string().nullable() });
export type Organization = z.infer<typeof Organization>;

/** Organizations and their members, as the operator sets them. */
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
      role: "owner" | "admin" | "member" | "viewer",
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
  };
}
