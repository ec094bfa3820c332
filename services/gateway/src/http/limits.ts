import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { SluiceError } from "@sluice/contracts";
import type { QuotaState, RequestLimits, RequestQuota } from "@sluice/queue";
import type { Caller } from "@sluice/store";
import type { Request, Response } from "express";

export type QuotaName = "address" | "key" | "user";

/** How many requests are taken, from an address and from whoever is known by a credential. */
export interface Limits {
  /** Before anything is looked at. Throws `rate_limited`. */
  enter(request: Request, response: Response): Promise<void>;
  /** Once it is known who it is. Throws `rate_limited`. */
  identified(caller: Caller, response: Response): Promise<void>;
  /** A credential that was refused costs its address as much as many requests, so that guessing ends soon. */
  refused(request: Request): Promise<void>;
}

/** An IPv6 network's addresses are one sender's, as many as it likes: they are counted together, by their first 64 bits. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]?.split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

const hashed = (request: Request) =>
  createHash("sha256")
    .update(networkOf(request.ip ?? ""))
    .digest("base64url")
    .slice(0, 22);

export function createLimits(options: {
  limits: RequestLimits<QuotaName>;
  quotas: Record<QuotaName, RequestQuota>;
  refusedCost: number;
}): Limits {
  const { limits, quotas } = options;

  /** As draft-ietf-httpapi-ratelimit-headers has it. */
  function tell(response: Response, name: QuotaName, { remaining, resetMs }: QuotaState): void {
    const { points, windowSeconds } = quotas[name];
    response.append("ratelimit-policy", `"${name}";q=${points};w=${windowSeconds}`);
    response.append("ratelimit", `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`);
  }

  async function take(name: QuotaName, who: string, response: Response): Promise<void> {
    const state = await limits.take(name, who);
    tell(response, name, state);
    if (state.isExceeded) throw new SluiceError("rate_limited", { retryAfterMs: state.resetMs });
  }

  return {
    enter: (request, response) => take("address", hashed(request), response),
    identified: ({ kind, id }, response) => take(kind === "api_key" ? "key" : "user", id, response),
    async refused(request) {
      await limits.take("address", hashed(request), options.refusedCost);
    },
  };
}
