import { createHmac, hkdfSync } from "node:crypto";
import { isIPv6 } from "node:net";
import { SluiceError } from "@sluice/contracts";
import type { Counted, Store } from "@sluice/store";
import type { GatewayConfig } from "../config.js";

/** Counts tries to get in, by account and by address, in Postgres: the same for all gateways, and it outlives them. */
export interface Attempts {
  /** Counts one before it is made; throws `too_many_attempts` while either is locked. Answers what to do when it went well. */
  count(kind: string, account: string | null, address: string | undefined): Promise<{ succeeded(): Promise<void> }>;
}

/**
 * Accounts and addresses are known to the database as hashes under a key of the secret key's making. Whether there is such an account
 * plays no part, so a lock says nothing of that.
 */
export function createAttempts(options: {
  sessions: Pick<Store["sessions"], "countAttempt" | "forgiveAttempt">;
  secretKey: string;
  limits: Pick<GatewayConfig["people"], "accountAttempts" | "addressAttempts" | "lockSeconds">;
}): Attempts {
  const { accountAttempts, addressAttempts, lockSeconds: seconds } = options.limits;
  const key = Buffer.from(hkdfSync("sha256", options.secretKey, "", "sluice attempts", 32));
  const keyOf = (...parts: string[]) => createHmac("sha256", key).update(parts.join("\0")).digest("hex");
  return {
    async count(kind, account, address) {
      const byAddress = keyOf(kind, "address", networkOf(address));
      const items: Counted[] = [{ key: byAddress, limit: addressAttempts, seconds }];
      const byAccount = account === null ? null : keyOf(kind, "account", account);
      if (byAccount !== null) items.push({ key: byAccount, limit: accountAttempts, seconds });
      const retryAfterMs = await options.sessions.countAttempt(items);
      if (retryAfterMs > 0) throw new SluiceError("too_many_attempts", { retryAfterMs });
      return {
        succeeded: () => options.sessions.forgiveAttempt(byAccount === null ? [] : [byAccount], [byAddress]),
      };
    },
  };
}

/** Whoever has one IPv6 address has the 2^64 beside it. */
export function networkOf(address = ""): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ""] = address.split("%");
  if (!isIPv6(plain)) return address;
  const [head = "", tail] = plain.split("::");
  const start = head === "" ? [] : head.split(":");
  const end = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = tail === undefined ? start : [...start, ...new Array(8 - start.length - end.length).fill("0"), ...end];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
