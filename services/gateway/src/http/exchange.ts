import { randomUUID } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import type { GatewayContext } from "../context.js";

/** What is known of a request while it is answered; nothing of it is clinical, so all of it may be logged. */
export interface Exchange {
  requestId: string;
  /** The route's pattern, never the path: labels and logs hold no ids. */
  route: string;
  /** A stream ends when its reader goes; its duration says nothing. */
  stream: boolean;
  organizationId?: string;
  keyId?: string;
  userId?: string;
  code?: string;
}

const known = new WeakMap<Response, Exchange>();

/** The exchange a response belongs to. */
export function exchangeOf(response: Response): Exchange {
  const exchange = known.get(response);
  if (exchange === undefined) throw new Error("a response that never began");
  return exchange;
}

/** A sender's id is taken when it can't be anything but an id: it ends up in logs and in the audit. */
export function requestIdOf(request: Request): string {
  const given = request.get("x-request-id");
  return given !== undefined && /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(given) ? given : randomUUID();
}

/** Begins the exchange; measures and logs it when it is over. */
export function observe({ logger, metrics }: Pick<GatewayContext, "logger" | "metrics">): RequestHandler {
  return (request, response, next) => {
    const begun = performance.now();
    const exchange: Exchange = { requestId: requestIdOf(request), route: "unmatched", stream: false };
    known.set(response, exchange);
    response.setHeader("x-request-id", exchange.requestId);
    response.once("close", () => {
      const { stream, ...fields } = exchange;
      // 499, as nginx has it: the sender went away before there was an answer.
      const status = response.headersSent ? response.statusCode : 499;
      const durationMs = performance.now() - begun;
      const labels = { route: exchange.route, method: request.method, status: String(status) };
      if (!stream) metrics.httpDuration.observe(labels, durationMs / 1_000);
      const line = { ...fields, method: request.method, httpStatus: status, durationMs: Math.round(durationMs) };
      if (status >= 500) logger.warn("http.failed", line);
      else if (status >= 400) logger.info("http.refused", line);
      else logger.debug("http.answered", line);
    });
    next();
  };
}
