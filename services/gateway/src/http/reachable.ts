import type { GatewayConfig } from "../config.js";

/** A link into Storage as people reach it, where that is not as the services do. */
export function reachable(signed: string, { publicSupabaseUrl, store }: GatewayConfig): string {
  if (publicSupabaseUrl === undefined || !signed.startsWith(store.url)) return signed;
  return publicSupabaseUrl.replace(/\/+$/, "") + signed.slice(store.url.replace(/\/+$/, "").length);
}
