import { PersonSession } from "@sluice/contracts";
import { z } from "zod";
import type { Rpc } from "./rpc.js";

/** Where a request came from, for the audit. */
export interface Origin {
  requestId?: string;
  address?: string;
}

/** Something tries are counted by: more than `limit` in `seconds` lock it for as long. */
export interface Counted {
  key: string;
  limit: number;
  seconds: number;
}

/** People's sessions, and tries to get into accounts; all of it on the database's clock. */
export function createSessions(rpc: Rpc) {
  return {
    /** Begins what a login has made; false for one that was ended. */
    open(
      session: { id: string; userId: string; idleSeconds: number; mostSeconds: number },
      origin: Origin = {},
    ): Promise<boolean> {
      const args = {
        p_session: session.id,
        p_user: session.userId,
        p_idle_seconds: session.idleSeconds,
        p_most_seconds: session.mostSeconds,
        p_origin: { ...origin },
      };
      return rpc.call("sluice_open_session", args, z.boolean());
    },
    /** Whether it goes on; `idleSeconds` puts its idle end off, null only asks. */
    check(sessionId: string, userId: string, idleSeconds: number | null): Promise<boolean> {
      const args = { p_session: sessionId, p_user: userId, p_idle_seconds: idleSeconds };
      return rpc.call("sluice_check_session", args, z.boolean());
    },
    list(userId: string): Promise<PersonSession[]> {
      return rpc.call("sluice_sessions", { p_user: userId }, z.array(PersonSession));
    },
    /** Ends them from now on, whatever tokens say; answers how many were live. `action` names why in the audit. */
    end(
      userId: string,
      sessionId: string | null,
      which: "this" | "others" | "all",
      action: string,
      origin: Origin = {},
    ): Promise<number> {
      const args = { p_user: userId, p_session: sessionId, p_which: which, p_action: action, p_origin: { ...origin } };
      return rpc.call("sluice_end_sessions", args, z.number());
    },
    /** Counts a try before it is made. Answers for how many milliseconds it is locked out; 0: go on. */
    countAttempt(items: Counted[]): Promise<number> {
      return rpc.call("sluice_count_attempt", { p_items: items.map((item) => ({ ...item })) }, z.number());
    },
    /** A try went well: `forget` starts anew, `less` is as if it had not been. */
    async forgiveAttempt(forget: string[], less: string[]): Promise<void> {
      await rpc.call("sluice_forgive_attempt", { p_forget: forget, p_less: less }, z.unknown());
    },
    async noteFailedSignIn(email: string, origin: Origin): Promise<void> {
      await rpc.call("sluice_note_failed_sign_in", { p_email: email, p_origin: { ...origin } }, z.unknown());
    },
    expire(limit: number): Promise<number> {
      return rpc.call("sluice_expire_sessions", { p_limit: limit }, z.number());
    },
  };
}
