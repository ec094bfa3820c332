import {
  ChangeEmail,
  ChangePassword,
  Confirm,
  CreatedFactor,
  Factor,
  FactorCode,
  LogIn,
  LogOut,
  list,
  NewFactor,
  PersonSession,
  Recover,
  Refresh,
  ResetPassword,
  SignUp,
  SluiceError,
  Tokens,
} from "@sluice/contracts";
import { originOf } from "../auth/authenticate.js";
import type { GatewayContext } from "../context.js";
import { exchangeOf } from "../http/exchange.js";
import { type Call, type Operation, operation } from "../http/operation.js";

const tag = "auth";
const done = { 204: { description: "Done" } };
const accepted = { 202: { description: "Whatever is to be done is being done" } };
const granted = { 200: { description: "Tokens", schema: Tokens } };
const outage = "auth_unavailable" as const;
const throttled = ["too_many_attempts", outage] as const;

const from = ({ request, response }: Pick<Call<unknown, unknown>, "request" | "response">) =>
  originOf(request, exchangeOf(response));
/** Operations of scope `person` always have one. */
function whoOf({ person }: Pick<Call<unknown, unknown>, "person">) {
  if (person === null) throw new SluiceError("unauthenticated");
  return person;
}

/** People's accounts and sessions, by Supabase Auth; throttled here. */
export function authOperations({ people, store }: Pick<GatewayContext, "people" | "store">): Operation[] {
  return [
    operation({
      method: "post",
      path: "/v1/auth/signup",
      tag,
      summary: "Make an account",
      description:
        "The answer is the same whether there is such an account or not. Then log in, after the link in the mail where Supabase wants addresses confirmed. An account alone gives access to nothing.",
      scope: null,
      body: SignUp,
      answers: accepted,
      problems: ["signup_closed", "password_refused", ...throttled],
      async handle(call) {
        await people.signUp(call.body.email, call.body.password, from(call));
        return { status: 202, body: {} };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/login",
      tag,
      summary: "Log in",
      description:
        "A wrong password and an account that is not there are answered alike, in the same time. Too many failures lock the account and the address for a while.",
      scope: null,
      body: LogIn,
      answers: granted,
      problems: ["credentials_invalid", ...throttled],
      async handle(call) {
        return { status: 200, body: await people.logIn(call.body.email, call.body.password, from(call)) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/refresh",
      tag,
      summary: "New tokens for a session that goes on",
      description: "Refreshing does not count as use: a session ends when nothing else is asked for long enough.",
      scope: null,
      body: Refresh,
      answers: granted,
      problems: ["unauthenticated", ...throttled],
      async handle(call) {
        return { status: 200, body: await people.refresh(call.body.refreshToken, from(call)) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/logout",
      tag,
      summary: "End this session, the others, or all of them",
      description: "Within a second their tokens are refused, though they have not expired, and their streams close.",
      scope: "person",
      body: LogOut,
      answers: done,
      async handle(call) {
        await people.logOut(whoOf(call), call.body.which, from(call));
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/recover",
      tag,
      summary: "Have a link to a new password mailed",
      description: "The answer is the same whether there is such an account or not.",
      scope: null,
      body: Recover,
      answers: accepted,
      problems: [...throttled],
      async handle(call) {
        await people.recover(call.body.email, from(call));
        return { status: 202, body: {} };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/reset",
      tag,
      summary: "Set a new password by what was mailed",
      description: "Ends all of the person's sessions.",
      scope: null,
      body: ResetPassword,
      answers: done,
      problems: ["mailed_token_invalid", "password_refused", ...throttled],
      async handle(call) {
        await people.resetPassword(call.body, call.body.password, from(call));
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/confirm",
      tag,
      summary: "Confirm an address, or its change, by what was mailed",
      scope: null,
      body: Confirm,
      answers: done,
      problems: ["mailed_token_invalid", ...throttled],
      async handle(call) {
        await people.confirm(call.body.type, call.body, from(call));
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/password",
      tag,
      summary: "Change the password",
      description: "Ends the person's other sessions.",
      scope: "person",
      body: ChangePassword,
      answers: done,
      problems: ["credentials_invalid", "password_refused", ...throttled],
      async handle(call) {
        await people.changePassword(whoOf(call), call.body.password, call.body.newPassword, from(call));
        return { status: 204 };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/email",
      tag,
      summary: "Change the e-mail address, once it is confirmed",
      scope: "person",
      body: ChangeEmail,
      answers: accepted,
      problems: ["credentials_invalid", ...throttled],
      async handle(call) {
        await people.changeEmail(whoOf(call), call.body.password, call.body.email, from(call));
        return { status: 202, body: {} };
      },
    }),
    operation({
      method: "get",
      path: "/v1/auth/sessions",
      tag,
      summary: "One's live sessions, newest first",
      scope: "person",
      answers: { 200: { description: "All of them", schema: list(PersonSession) } },
      async handle(call) {
        return { status: 200, body: { items: await store.sessions.list(whoOf(call).userId), nextCursor: null } };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/auth/sessions/{id}",
      tag,
      summary: "End one of one's sessions",
      scope: "person",
      answers: done,
      async handle(call) {
        const ended = await store.sessions.end(whoOf(call).userId, call.id, "this", "session.close", from(call));
        if (ended === 0) throw new SluiceError("not_found");
        return { status: 204 };
      },
    }),
    operation({
      method: "get",
      path: "/v1/auth/mfa/factors",
      tag,
      summary: "One's second factors",
      scope: "person",
      answers: { 200: { description: "All of them", schema: list(Factor) } },
      problems: [outage],
      async handle(call) {
        return { status: 200, body: { items: await people.factors(whoOf(call)), nextCursor: null } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/mfa/factors",
      tag,
      summary: "Enroll an authenticator app",
      description: "It counts once a code of it was verified. Not with Supabase Lite, which has no second factors.",
      scope: "person",
      body: NewFactor,
      answers: { 201: { description: "The factor, and its secret this once", schema: CreatedFactor } },
      problems: ["mfa_unsupported", outage],
      async handle(call) {
        return { status: 201, body: await people.enroll(whoOf(call), call.body.name) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/auth/mfa/factors/{id}/verify",
      tag,
      summary: "Give a code, for tokens of the second level (aal2)",
      scope: "person",
      body: FactorCode,
      answers: granted,
      problems: ["credentials_invalid", "mfa_unsupported", ...throttled],
      async handle(call) {
        return { status: 200, body: await people.verifyFactor(whoOf(call), call.id, call.body.code, from(call)) };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/auth/mfa/factors/{id}",
      tag,
      summary: "Remove a second factor",
      scope: "person",
      answers: done,
      problems: ["mfa_unsupported", outage],
      async handle(call) {
        await people.removeFactor(whoOf(call), call.id);
        return { status: 204 };
      },
    }),
  ];
}
