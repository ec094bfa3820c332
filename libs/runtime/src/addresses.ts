import ipaddr from "ipaddr.js";
import { z } from "zod";
import { variable } from "./config.js";

/** Whether an IP address is one that anybody can reach: not this machine's, not of a private network, nothing reserved. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address in IPv6's clothes is judged as what it is; 6to4, Teredo and NAT64, which hide another one, are not "unicast".
  return ipaddr.process(address).range() === "unicast";
}

/** What services that send to addresses which organizations name are told. */
export const outboundConfig = {
  allowPrivate: variable(
    "WEBHOOK_ALLOW_PRIVATE",
    z.stringbool().default(false),
    "Whether webhooks may go to private networks and without TLS; for where the receivers are one's own.",
  ),
};
