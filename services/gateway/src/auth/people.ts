import { setTimeout as sleep } from "node:timers/promises";
import { SluiceError, type Tokens } from "@sluice/contracts";
import { errorFields, type Logger } from "@sluice/runtime";
import type { Granted, Origin, Store } from "@sluice/store";
import type { z } from "zod";
import type { GatewayConfig } from "../config.js";
import type { Attempts } from "./attempts.js";
import type { Person } from "./authenticate.js";
import { answeringEvenly, failingEvenly } from "./even.js";
import type { TokenHolder } from "./tokens.js";

type Given = z.infer<typeof Tokens>;
type Mailed = { tokenHash?: string; email?: string; code?: string };

/** What people do with their accounts: Supabase Auth does it, and the gateway decides whether it may be tried and what session comes of it. */
export function createPeople(options: {
  accounts: Store["accounts"];
  sessions: Store["sessions"];
  verifyToken: (token: string) => Promise<TokenHolder>;
  attempts: Attempts;
  config: GatewayConfig["people"];
  logger: Logger;
}) {
  const { accounts, sessions, attempts, config, logger } = options;
  const due = () => sleep(config.answerMs);
  const late = (error: unknown) => logger.warn("auth.late_failure", errorFields(error));
  /** For what is only tidy: the session's row is what counts. */
  const tidily = (work: Promise<unknown>) => work.catch(late);

  async function holderOf({ accessToken }: Granted) {
    const holder = await options.verifyToken(accessToken);
    if (holder.sessionId === null) throw new SluiceError("auth_unavailable");
    return { ...holder, sessionId: holder.sessionId };
  }
  async function begun(granted: Granted, origin: Origin): Promise<Given> {
    const { userId, sessionId } = await holderOf(granted);
    const { idleSeconds, sessionSeconds: mostSeconds } = config;
    if (!(await sessions.open({ id: sessionId, userId, idleSeconds, mostSeconds }, origin)))
      throw new SluiceError("unauthenticated");
    return { ...granted, sessionId };
  }
  /** A password that was typed, tried once: the tokens of a session that is nobody's until it is begun. */
  async function tryPassword(email: string, password: string, origin: Origin): Promise<Granted> {
    const attempt = await attempts.count("login", email, origin.address);
    const granted = await accounts.signIn(email, password, origin.address);
    if (granted === null) {
      await sessions.noteFailedSignIn(email, origin);
      throw new SluiceError("credentials_invalid");
    }
    await attempt.succeeded();
    return granted;
  }
  async function provePassword(person: Person, password: string, origin: Origin): Promise<void> {
    const email = (await accounts.user(person.token))?.email ?? null;
    if (email === null) throw new SluiceError("unauthenticated");
    const proof = await failingEvenly(due(), tryPassword(email, password, origin));
    await tidily(accounts.signOut(proof.accessToken, "local"));
  }
  const mailedOf = ({ tokenHash, email = "", code = "" }: Mailed) =>
    tokenHash === undefined ? { email, code } : { tokenHash };
  async function useMailed(type: "recovery" | "signup" | "email_change", mailed: Mailed, origin: Origin) {
    const attempt = await attempts.count("mailed", mailed.email ?? null, origin.address);
    const granted = await accounts.verify(type, mailedOf(mailed), origin.address);
    if (granted !== null) await attempt.succeeded();
    return granted;
  }

  return {
    /** The same answer whether there was such an account or not. */
    async signUp(email: string, password: string, { address }: Origin): Promise<void> {
      if (config.signUp === "closed") throw new SluiceError("signup_closed");
      await attempts.count("signup", email, address);
      await answeringEvenly(due(), accounts.signUp(email, password, address, config.redirectUrl), late);
    },
    async logIn(email: string, password: string, origin: Origin): Promise<Given> {
      return failingEvenly(
        due(),
        tryPassword(email, password, origin).then((granted) => begun(granted, origin)),
      );
    },
    /** Being refreshed is no use: a page that is left open keeps no session alive. */
    async refresh(refreshToken: string, origin: Origin): Promise<Given> {
      const attempt = await attempts.count("refresh", null, origin.address);
      const granted = await accounts.refresh(refreshToken, origin.address);
      if (granted === null) throw new SluiceError("unauthenticated");
      const { userId, sessionId } = await holderOf(granted);
      if (!(await sessions.check(sessionId, userId, null))) {
        await tidily(accounts.signOut(granted.accessToken, "local"));
        throw new SluiceError("unauthenticated");
      }
      await attempt.succeeded();
      return { ...granted, sessionId };
    },
    async logOut({ userId, sessionId, token }: Person, which: "this" | "others" | "all", origin: Origin) {
      await sessions.end(userId, sessionId, which, "session.close", origin);
      await tidily(accounts.signOut(token, which === "this" ? "local" : which === "all" ? "global" : "others"));
    },
    /** The same answer whether there is such an account or not. */
    async recover(email: string, { address }: Origin): Promise<void> {
      await attempts.count("recover", email, address);
      await answeringEvenly(due(), accounts.recover(email, address, config.redirectUrl), late);
    },
    /** A new password by what was mailed. All sessions end: whoever had the old one is out. */
    async resetPassword(mailed: Mailed, password: string, origin: Origin): Promise<void> {
      const granted = await failingEvenly(due(), useMailed("recovery", mailed, origin));
      if (granted === null) throw new SluiceError("mailed_token_invalid");
      const { userId } = await holderOf(granted);
      if (!(await accounts.update(granted.accessToken, { password }))) throw new SluiceError("password_refused");
      await sessions.end(userId, null, "all", "password.reset", origin);
      await tidily(accounts.signOut(granted.accessToken, "global"));
    },
    async changePassword(person: Person, password: string, newPassword: string, origin: Origin): Promise<void> {
      await provePassword(person, password, origin);
      if (!(await accounts.update(person.token, { password: newPassword }))) throw new SluiceError("password_refused");
      await sessions.end(person.userId, person.sessionId, "others", "password.change", origin);
      await tidily(accounts.signOut(person.token, "others"));
    },
    /** Supabase mails what confirms it; until then the old address stands. One that is somebody else's is answered alike. */
    async changeEmail(person: Person, password: string, email: string, origin: Origin): Promise<void> {
      await provePassword(person, password, origin);
      await answeringEvenly(due(), accounts.update(person.token, { email }, config.redirectUrl), late);
    },
    /** A mail's link or code. It gives no session: who confirmed logs in. */
    async confirm(type: "signup" | "email_change", mailed: Mailed, origin: Origin): Promise<void> {
      const granted = await useMailed(type, mailed, origin);
      if (granted === null) throw new SluiceError("mailed_token_invalid");
      await tidily(accounts.signOut(granted.accessToken, "local"));
    },
    factors: ({ token }: Person) => accounts.mfa.list(token),
    async enroll({ token }: Person, name?: string) {
      const made = await accounts.mfa.enroll(token, name);
      if (made === null) throw new SluiceError("forbidden");
      return made;
    },
    /** A code of a factor: tokens of the second level, for the same session. */
    async verifyFactor({ token, userId, sessionId }: Person, factorId: string, code: string, origin: Origin) {
      const attempt = await attempts.count("mfa", userId, origin.address);
      const granted = await accounts.mfa.verify(token, factorId, code, origin.address);
      if (granted === null) throw new SluiceError("credentials_invalid");
      await attempt.succeeded();
      const holder = await holderOf(granted);
      if (holder.userId !== userId || holder.sessionId !== sessionId) throw new SluiceError("unauthenticated");
      return { ...granted, sessionId };
    },
    async removeFactor({ token }: Person, factorId: string): Promise<void> {
      if (!(await accounts.mfa.remove(token, factorId))) throw new SluiceError("not_found");
    },
  };
}
export type People = ReturnType<typeof createPeople>;
