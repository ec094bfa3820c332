import type { RequestHandler } from "express";

const asks = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Organization, X-Request-Id";
const shows = "Idempotent-Replay, Retry-After, X-Request-Id";

/** Lets the listed origins call from a browser, and no other. Credentials travel in headers, so cookies are not allowed. */
export function cors(origins: readonly string[]): RequestHandler {
  const listed = new Set(origins);
  return (request, response, next) => {
    const origin = request.get("origin");
    if (listed.size > 0) response.vary("Origin");
    if (origin === undefined || !listed.has(origin)) return next();
    response.set({ "access-control-allow-origin": origin, "access-control-expose-headers": shows });
    if (request.method !== "OPTIONS" || request.get("access-control-request-method") === undefined) return next();
    response.set({
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": asks,
      "access-control-max-age": "600",
    });
    response.status(204).end();
  };
}
