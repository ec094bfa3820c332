import { createHash, randomBytes } from "node:crypto";
import { AcceptedInvitation, Invitation, Member, OwnOrganization, type Role } from "@sluice/contracts";
import { z } from "zod";
import { before, listOf, ok, type TimeCursor } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";
import type { Origin } from "./sessions.js";

const Refused = z.object({
  outcome: z.enum(["forbidden", "not_found", "role_exceeded", "last_owner", "invitation_invalid"]),
});
const Done = z.union([z.object({ outcome: z.literal("ok") }), Refused]);
const Invited = z.union([z.object({ outcome: z.literal("ok"), item: Invitation }), Refused]);
const Accepted = z.union([z.object({ outcome: z.literal("ok"), ...AcceptedInvitation.shape }), Refused]);

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");

function page<T extends { createdAt: string; id: string }>(items: T[], limit: number) {
  const last = items.at(-1);
  return { items, next: items.length < limit || last === undefined ? null : { at: last.createdAt, id: last.id } };
}

/** Who belongs to an organization, and how one comes to. */
export function createMembers(rpc: Rpc) {
  return {
    async organizationsOf(userId: string): Promise<z.infer<typeof OwnOrganization>[]> {
      return rpc.call("sluice_organizations_of", { p_user: userId }, z.array(OwnOrganization));
    },
    /** Newest first. */
    async list(scope: Scope, cursor: TimeCursor | null, limit: number) {
      const args = { ...scoped(scope), ...before(cursor), p_limit: limit };
      return page(ok(await rpc.call("sluice_members", args, listOf(Member))).items, limit);
    },
    async change(scope: Scope, userId: string, role: Role): Promise<void> {
      ok(await rpc.call("sluice_change_member", { ...scoped(scope), p_user: userId, p_role: role }, Done));
    },
    async remove(scope: Scope, userId: string): Promise<void> {
      ok(await rpc.call("sluice_remove_member", { ...scoped(scope), p_user: userId }, Done));
    },
    /** The token is known this once; only its hash is stored. */
    async invite(scope: Scope, { email, role, days }: { email: string; role: Role; days: number }) {
      const token = `sli_${randomBytes(32).toString("base64url")}`;
      const args = { ...scoped(scope), p_email: email, p_role: role, p_hash: hashOf(token), p_days: days };
      return { ...ok(await rpc.call("sluice_invite", args, Invited)).item, token };
    },
    /** Newest first. */
    async invitations(scope: Scope, cursor: TimeCursor | null, limit: number) {
      const args = { ...scoped(scope), ...before(cursor), p_limit: limit };
      return page(ok(await rpc.call("sluice_invitations", args, listOf(Invitation))).items, limit);
    },
    async withdraw(scope: Scope, invitationId: string): Promise<void> {
      ok(await rpc.call("sluice_withdraw_invitation", { ...scoped(scope), p_invitation: invitationId }, Done));
    },
    async accept(token: string, userId: string, origin: Origin): Promise<z.infer<typeof AcceptedInvitation>> {
      const args = { p_hash: hashOf(token), p_user: userId, p_origin: { ...origin } };
      const { organizationId, role } = ok(await rpc.call("sluice_accept_invitation", args, Accepted));
      return { organizationId, role };
    },
  };
}
