import {
  AcceptedInvitation,
  AcceptInvitation,
  ChangeMember,
  CreatedInvitation,
  Invitation,
  list,
  Member,
  NewInvitation,
  OwnOrganization,
  PageQuery,
  SluiceError,
} from "@sluice/contracts";
import { originOf } from "../auth/authenticate.js";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { exchangeOf } from "../http/exchange.js";
import { type Operation, operation } from "../http/operation.js";

const tag = "access";

/** Who belongs to an organization: invitations, roles, leaving. */
export function memberOperations({ store }: Pick<GatewayContext, "store">): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/organizations",
      tag,
      summary: "The organizations one belongs to",
      description: "Name one of them in the X-Organization header of other calls.",
      scope: "person",
      answers: { 200: { description: "All of them", schema: list(OwnOrganization) } },
      async handle({ person }) {
        const items = person === null ? [] : await store.members.organizationsOf(person.userId);
        return { status: 200, body: { items, nextCursor: null } };
      },
    }),
    operation({
      method: "get",
      path: "/v1/members",
      tag,
      summary: "List members, newest first",
      scope: "admin",
      query: PageQuery,
      answers: { 200: { description: "A page", schema: list(Member) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor } }) {
        const place = decodeCursor("members", null, TimePlace, cursor);
        const { items, next } = await store.members.list(scope, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("members", null, next) } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/members/{id}",
      tag,
      summary: "Change a member's role",
      description: "It holds from the next call on. Only owners make owners and unmake them; the last one stays.",
      scope: "admin",
      body: ChangeMember,
      example: { role: "viewer" },
      idempotency: "repeat",
      answers: { 204: { description: "It is changed" } },
      problems: ["role_exceeded", "last_owner"],
      async handle({ scope, id, body }) {
        await store.members.change(scope, id, body.role);
        return { status: 204 };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/members/{id}",
      tag,
      summary: "Remove a member, or leave",
      description: "Admins remove others; anybody may go. The last owner stays.",
      scope: "any",
      answers: { 204: { description: "It is no member any more" } },
      problems: ["role_exceeded", "last_owner"],
      async handle({ scope, id }) {
        await store.members.remove(scope, id);
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/invitations",
      tag,
      summary: "Invite somebody",
      description:
        "The token is answered this once, works once, and only for an account of that address. Idempotency-Key does nothing here: an answer that is kept would keep the token.",
      scope: "admin",
      body: NewInvitation,
      example: { email: "nurse@example.org", role: "member" },
      answers: { 201: { description: "The invitation", schema: CreatedInvitation } },
      problems: ["role_exceeded"],
      async handle({ scope, body }) {
        return { status: 201, body: await store.members.invite(scope, body) };
      },
    }),
    operation({
      method: "get",
      path: "/v1/invitations",
      tag,
      summary: "List invitations, newest first",
      scope: "admin",
      query: PageQuery,
      answers: { 200: { description: "A page", schema: list(Invitation) } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { limit, cursor } }) {
        const place = decodeCursor("invitations", null, TimePlace, cursor);
        const { items, next } = await store.members.invitations(scope, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("invitations", null, next) } };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/invitations/{id}",
      tag,
      summary: "Withdraw an invitation",
      scope: "admin",
      answers: { 204: { description: "It can't be accepted any more" } },
      async handle({ scope, id }) {
        await store.members.withdraw(scope, id);
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/invitations/accept",
      tag,
      summary: "Accept an invitation",
      scope: "person",
      body: AcceptInvitation,
      answers: { 200: { description: "What one is now, and where", schema: AcceptedInvitation } },
      problems: ["invitation_invalid", "database_unavailable"],
      async handle({ person, body, request, response }) {
        if (person === null) throw new SluiceError("unauthenticated");
        const origin = originOf(request, exchangeOf(response));
        return { status: 200, body: await store.members.accept(body.token, person.userId, origin) };
      },
    }),
  ];
}
