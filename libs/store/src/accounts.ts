import { SluiceError } from "@sluice/contracts";
import { z } from "zod";
import type { StoreOptions } from "./rpc.js";

const Tokens = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.number(),
  user: z.object({ id: z.string(), email: z.string().nullish() }).loose(),
});
const Failure = z.object({ error_code: z.string().optional(), code: z.unknown().optional() }).loose();
const Totp = z.object({ id: z.string(), totp: z.object({ secret: z.string(), uri: z.string() }) });
const Challenge = z.object({ id: z.string() });
const Factor = z.object({
  id: z.string(),
  status: z.string(),
  factor_type: z.string(),
  friendly_name: z.string().nullish(),
});
const User = z.object({ email: z.string().nullish(), factors: z.array(Factor).nullish() });

/** What a login gives; the session's id is in the token. */
export interface Granted {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
}
type MailedToken = { tokenHash: string } | { email: string; code: string };

const patientMs = 15_000;

/**
 * Supabase Auth by its REST interface. Every call bears the person's address, which Supabase limits by, in place of the gateway's.
 * What it says of a failure may name people and stays here; `null` is a plain no.
 */
export function createAccounts({ url, secretKey }: Pick<StoreOptions, "url" | "secretKey">) {
  const base = `${url.replace(/\/+$/, "")}/auth/v1`;

  async function ask(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    { body, token, address }: { body?: object; token?: string; address?: string } = {},
  ): Promise<{ status: number; body: unknown }> {
    const headers: Record<string, string> = { apikey: secretKey, "content-type": "application/json" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (address !== undefined) headers["sb-forwarded-for"] = address;
    try {
      const response = await fetch(base + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        redirect: "error",
        signal: AbortSignal.timeout(patientMs),
      });
      const text = await response.text();
      if (response.status >= 500) throw new SluiceError("auth_unavailable");
      if (response.status === 429) throw new SluiceError("too_many_attempts", { retryAfterMs: 60_000 });
      return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
    } catch (error) {
      throw error instanceof SluiceError ? error : new SluiceError("auth_unavailable");
    }
  }
  /** The answer, or what its error code stands for: null where it is only a no. */
  function read<T>(schema: z.ZodType<T>, { status, body }: { status: number; body: unknown }): T | null {
    if (status < 300) {
      const parsed = schema.safeParse(body);
      if (!parsed.success) throw new SluiceError("auth_unavailable");
      return parsed.data;
    }
    const code = Failure.safeParse(body).data?.error_code;
    if (code === "weak_password" || code === "same_password") throw new SluiceError("password_refused");
    return null;
  }
  function granted(answer: { status: number; body: unknown }): Granted | null {
    const tokens = read(Tokens, answer);
    if (tokens === null) return null;
    return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token, expiresIn: tokens.expires_in };
  }
  const mailed = (token: MailedToken) =>
    "tokenHash" in token ? { token_hash: token.tokenHash } : { email: token.email, token: token.code };
  const leading = (redirectTo: string | undefined) =>
    redirectTo === undefined ? "" : `?redirect_to=${encodeURIComponent(redirectTo)}`;
  /** Factors are there where the Supabase in use has them. */
  async function factors<T>(schema: z.ZodType<T>, ...call: Parameters<typeof ask>): Promise<T | null> {
    const answer = await ask(...call);
    if (answer.status === 404 && Failure.safeParse(answer.body).data?.error_code === undefined)
      throw new SluiceError("mfa_unsupported");
    return read(schema, answer);
  }

  return {
    /** False where there is such an account already. */
    async signUp(email: string, password: string, address?: string, redirectTo?: string): Promise<boolean> {
      const body = { email, password };
      return read(z.unknown(), await ask("POST", `/signup${leading(redirectTo)}`, { body, address })) !== null;
    },
    async signIn(email: string, password: string, address?: string): Promise<Granted | null> {
      return granted(await ask("POST", "/token?grant_type=password", { body: { email, password }, address }));
    },
    async refresh(refreshToken: string, address?: string): Promise<Granted | null> {
      const body = { refresh_token: refreshToken };
      return granted(await ask("POST", "/token?grant_type=refresh_token", { body, address }));
    },
    /** Ends it at Supabase, too; what matters is the session's row. */
    async signOut(token: string, which: "local" | "others" | "global"): Promise<void> {
      await ask("POST", `/logout?scope=${which}`, { token });
    },
    /** Has a link mailed, if there is such an account. */
    async recover(email: string, address?: string, redirectTo?: string): Promise<void> {
      await ask("POST", `/recover${leading(redirectTo)}`, { body: { email }, address });
    },
    /** What a mail gave: its link's hash, or the address with its code. */
    async verify(
      type: "recovery" | "signup" | "email_change",
      token: MailedToken,
      address?: string,
    ): Promise<Granted | null> {
      const answer = await ask("POST", "/verify", { body: { type, ...mailed(token) }, address });
      const given = read(z.unknown(), answer);
      // The first of two confirmations of a new address gives no session.
      if (given === null || !Tokens.safeParse(answer.body).success) return null;
      return granted(answer);
    },
    /** False where Supabase does not take it. */
    async update(
      token: string,
      change: { password: string } | { email: string },
      redirectTo?: string,
    ): Promise<boolean> {
      return read(z.unknown(), await ask("PUT", `/user${leading(redirectTo)}`, { body: change, token })) !== null;
    },
    async user(token: string): Promise<{ email: string | null } | null> {
      const user = read(User, await ask("GET", "/user", { token }));
      return user === null ? null : { email: user.email ?? null };
    },
    mfa: {
      async list(token: string) {
        const user = read(User, await ask("GET", "/user", { token }));
        return (user?.factors ?? []).map(({ id, status, factor_type, friendly_name }) => ({
          id,
          status,
          type: factor_type,
          name: friendly_name ?? null,
        }));
      },
      /** A factor to be confirmed by its first code; the secret is shown this once. */
      async enroll(token: string, name?: string) {
        const body = { factor_type: "totp", ...(name === undefined ? {} : { friendly_name: name }) };
        const made = await factors(Totp, "POST", "/factors", { token, body });
        return made === null ? null : { id: made.id, secret: made.totp.secret, uri: made.totp.uri };
      },
      /** A code, for tokens of the second level. */
      async verify(token: string, factorId: string, code: string, address?: string): Promise<Granted | null> {
        const challenge = await factors(Challenge, "POST", `/factors/${factorId}/challenge`, {
          token,
          address,
          body: {},
        });
        if (challenge === null) return null;
        const body = { challenge_id: challenge.id, code };
        return granted(await ask("POST", `/factors/${factorId}/verify`, { token, address, body }));
      },
      async remove(token: string, factorId: string): Promise<boolean> {
        return (await factors(z.unknown(), "DELETE", `/factors/${factorId}`, { token })) !== null;
      },
    },
  };
}
export type Accounts = ReturnType<typeof createAccounts>;
