import { describeCode, type Problem, SluiceError } from "@sluice/contracts";
import { isSupported, supportedTypes } from "@sluice/media";
import { errorFields } from "@sluice/runtime";
import type { ErrorRequestHandler, Request, Response } from "express";
import type { GatewayContext } from "../context.js";
import { exchangeOf } from "./exchange.js";

const usualRetrySeconds = 5;

/** What can be sent: every kind of file that is taken in. */
const supported = supportedTypes.map(({ mediaType }) => mediaType).filter(isSupported);

/** The HTTP status a failure is answered with. */
export function statusOf(error: SluiceError): number {
  return describeCode(error.code).status ?? (error.kind === "outage" ? 503 : 500);
}

/** A failure as its sender sees it: static sentences, and the paths of the fields that were wrong. */
export function problemOf(error: SluiceError, requestId?: string): Problem {
  const { code, title, advice } = describeCode(error.code);
  return {
    type: `urn:sluice:problem:${code}`,
    title,
    status: statusOf(error),
    code,
    advice,
    ...(requestId === undefined ? {} : { requestId }),
    ...(error.errors === undefined ? {} : { errors: error.errors }),
    ...(code === "media_type_unsupported" ? { supported } : {}),
    ...(error.cap === undefined ? {} : { cap: error.cap }),
  };
}

/** The headers that belong to a failure. */
export function problemHeaders(error: SluiceError): Record<string, string> {
  const status = statusOf(error);
  if (status === 401) return { "www-authenticate": 'Bearer realm="sluice", ApiKey realm="sluice"' };
  if (status !== 503 && error.retryAfterMs === undefined) return {};
  const seconds = error.retryAfterMs === undefined ? usualRetrySeconds : Math.ceil(error.retryAfterMs / 1_000);
  return { "retry-after": String(Math.max(1, seconds)) };
}

const lingerMs = 1_000;

/**
 * Answers a request that may still be arriving. Its connection is closed, but not at once: closing with unread bytes resets it,
 * and the sender would lose the answer. So what arrives is thrown away for a moment.
 */
export function answer(request: Request, response: Response, status: number, body: unknown, mediaType: string): void {
  if (response.headersSent || response.destroyed) return;
  const text = Buffer.from(JSON.stringify(body));
  response.status(status).set("content-type", mediaType);
  const untold = request.headers.expect !== undefined;
  if (request.complete || untold || !hasBody(request)) {
    response.end(text);
    return;
  }
  response.set({ "content-length": String(text.length), connection: "close" });
  response.write(text);
  request.unpipe();
  request.resume();
  let timer: NodeJS.Timeout | undefined;
  const close = () => {
    clearTimeout(timer);
    response.end();
  };
  timer = setTimeout(close, lingerMs);
  request.once("end", close).once("close", close).once("error", close);
}

export function hasBody(request: Request): boolean {
  return request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
}

/** Answers with a problem; `more` goes into the document beside it. */
export function sendProblem(request: Request, response: Response, error: SluiceError, more: object = {}): void {
  const exchange = exchangeOf(response);
  // What was answered first is why.
  exchange.code ??= error.code;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.set(problemHeaders(error));
  const problem = { ...problemOf(error, exchange.requestId), ...more };
  answer(request, response, problem.status, problem, "application/problem+json; charset=utf-8");
}

function asProblem(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  // A path that is no text, `%zz`: there is nothing there.
  return new SluiceError(thrown instanceof URIError ? "not_found" : "internal_error", { cause: thrown });
}

/** The last handler: whatever was thrown becomes a problem. What nobody foresaw is logged by name and place, never by message. */
export function problems({ logger }: Pick<GatewayContext, "logger">): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = asProblem(thrown);
    const { requestId, route } = exchangeOf(response);
    const line = { requestId, route, code: error.code, ...errorFields(error) };
    if (error.kind === "outage") logger.warn("http.outage", line);
    else if (statusOf(error) >= 500) logger.error("http.error", line);
    sendProblem(request, response, error);
  };
}
