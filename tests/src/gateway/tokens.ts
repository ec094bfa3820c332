import { createHmac } from "node:crypto";

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as Supabase signs it with a shared secret; `more` replaces claims. */
export function tokenOf(userId: string, secret: string, more: object = {}, header: object = {}): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: userId, aud: "authenticated", role: "authenticated", iat: now, exp: now + 3_600, ...more };
  const signed = `${part({ alg: "HS256", typ: "JWT", ...header })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
