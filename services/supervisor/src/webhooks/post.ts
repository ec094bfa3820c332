import { lookup } from "node:dns";
import { type ClientRequest, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { isPublicAddress } from "@sluice/runtime";

/** How a delivery was answered: with a status, or not, and why not. */
export type Posted = { status: number } | { code: "refused_target" | "timeout" | "unreachable" };

class RefusedTarget extends Error {}

/** Looks a name up and gives on only addresses that may be connected to: what is checked is what is used. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, "", 0);
    const open = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = open;
    // One private address among public ones is a trick, or soon the one that is used.
    if (first === undefined || open.length < addresses.length) return callback(new RefusedTarget(), "", 0);
    if (options.all) (callback as unknown as (error: null, all: typeof open) => void)(null, open);
    else callback(null, first.address, first.family);
  });
};

/**
 * Sends a body to an address that somebody else chose. Goes to no private network unless `allowPrivate`, follows no redirect, and reads
 * nothing of the answer but its status. Never throws.
 */
export function post(
  target: string,
  body: string,
  headers: Record<string, string>,
  options: { timeoutMs: number; allowPrivate: boolean; signal: AbortSignal },
): Promise<Posted> {
  const url = new URL(target);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isLiteral = /^[\d.]+$/.test(host) || host.includes(":");
  const isRefused = !options.allowPrivate && (url.protocol !== "https:" || (isLiteral && !isPublicAddress(host)));
  if (isRefused) return Promise.resolve({ code: "refused_target" });
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    let sent: ClientRequest | undefined;
    const end = (posted: Posted) => {
      clearTimeout(timer);
      options.signal.removeEventListener("abort", abort);
      sent?.destroy();
      resolve(posted);
    };
    const timer = setTimeout(() => end({ code: "timeout" }), options.timeoutMs);
    const abort = () => end({ code: "timeout" });
    options.signal.addEventListener("abort", abort, { once: true });
    sent = request(
      url,
      {
        method: "POST",
        agent: false,
        headers: {
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(body)),
          "user-agent": "sluice-webhooks",
          ...headers,
        },
        ...(options.allowPrivate ? {} : { lookup: publicOnly }),
      },
      (answer) => end({ status: answer.statusCode ?? 0 }),
    );
    sent.on("error", (error) => end({ code: error instanceof RefusedTarget ? "refused_target" : "unreachable" }));
    sent.end(body);
  });
}
