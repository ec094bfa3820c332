import { SluiceError } from "@sluice/contracts";
import type { Request, Response } from "express";
import type { GatewayConfig } from "../config.js";
import { hasBody, sendProblem } from "./problems.js";

const tickSeconds = 1;

/**
 * Refuses a request whose body comes more slowly than it must, so that senders who hold thousands of requests open can't hold them for
 * long. Only time in which the gateway waits for the sender counts: while bytes lie here unread, it is Storage that is slow.
 */
export function keepPace(
  request: Request,
  response: Response,
  { minBytesPerSecond, paceGraceSeconds }: Pick<GatewayConfig["http"], "minBytesPerSecond" | "paceGraceSeconds">,
): void {
  if (minBytesPerSecond === 0 || request.complete || !hasBody(request)) return;
  const { socket } = request;
  const before = socket.bytesRead;
  let waited = 0;
  const timer = setInterval(() => {
    if (request.complete || response.writableEnded) return clearInterval(timer);
    if (request.readableLength > 0) return;
    waited += tickSeconds;
    if (waited < paceGraceSeconds || socket.bytesRead - before >= waited * minBytesPerSecond) return;
    clearInterval(timer);
    sendProblem(request, response, new SluiceError("request_too_slow"));
  }, tickSeconds * 1_000);
  response.once("close", () => clearInterval(timer));
}
