import { Member, type Role } from "@sluice/contracts";
import { z } from "zod";
import { before, type TimeCursor } from "./answers.js";
import { type Rpc, refuse } from "./rpc.js";

const Placed = z.object({ outcome: z.enum(["ok", "not_found", "last_owner"]) });
const Membership = z.object({ organizationId: z.uuid(), role: z.string(), scopes: z.array(z.string()) });
const Organization = z.object({ id: z.uuid(), name: z.string(), activeModel: z.string().nullable() });
export type Organization = z.infer<typeof Organization>;

/** Organizations and their members, as the operator sets them. */
export function createTenancy(rpc: Rpc) {
  /** Throws `last_owner` for who is that. */
  async function place(organizationId: string, userId: string, role: Role | null): Promise<void> {
    const args = { p_organization: organizationId, p_user: userId, p_role: role };
    refuse(await rpc.call("sluice_place_member", args, Placed));
  }
  return {
    async createOrganization(organization: { name: string }): Promise<{ id: string }> {
      return { id: await rpc.call("sluice_create_organization", { p_name: organization.name }, z.uuid()) };
    },
    /** By id, after `after`; an empty answer is the end. */
    listOrganizations(after: string | null, limit = 200): Promise<Organization[]> {
      return rpc.call("sluice_list_organizations", { p_after: after, p_limit: limit }, z.array(Organization));
    },
    async setMember(organizationId: string, userId: string, role: Role): Promise<void> {
      await place(organizationId, userId, role);
    },
    /** `not_found` for who is none. */
    async removeMember(organizationId: string, userId: string): Promise<void> {
      await place(organizationId, userId, null);
    },
    /** Newest first. */
    async listMembers(organizationId: string, cursor: TimeCursor | null, limit: number) {
      const args = { p_organization: organizationId, ...before(cursor), p_limit: limit };
      const items = await rpc.call("sluice_list_members", args, z.array(Member));
      const last = items.at(-1);
      return { items, next: items.length < limit || last === undefined ? null : { at: last.createdAt, id: last.id } };
    },
    memberships(userId: string): Promise<z.infer<typeof Membership>[]> {
      return rpc.call("sluice_memberships", { p_user: userId }, z.array(Membership));
    },
  };
}
