import { createHmac } from "node:crypto";

/**
 * The headers of a delivery, as Standard Webhooks 1.0 has them (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, by
 * the bytes that stand in base64 behind `whsec_`. `at` in seconds since 1970.
 */
export function signed(secret: string, id: string, at: number, body: string): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": `v1,${signature}` };
}
