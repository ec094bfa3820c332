import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Metrics } from "@sluice/runtime";

const patienceMs = 10_000;

/** When the certificate that an address shows runs out; undefined where there is no TLS. One that nobody trusts has an end, too. */
export async function certificateEnd(address: string): Promise<Date | undefined> {
  const { protocol, hostname, port } = new URL(address);
  if (protocol !== "https:" && protocol !== "rediss:") return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const standardPort = protocol === "https:" ? 443 : 6379;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || standardPort),
      servername: isIP(host) === 0 ? host : undefined,
      rejectUnauthorized: false,
    });
    socket.setTimeout(patienceMs, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const { valid_to: end } = socket.getPeerCertificate();
      socket.end();
      resolve(new Date(end));
    });
  });
}

/** Looks at the certificates of what the services reach by TLS. */
export function createCertificateWatch(addresses: Record<string, string>, metrics: Metrics) {
  return async (): Promise<boolean> => {
    for (const [endpoint, address] of Object.entries(addresses)) {
      const end = await certificateEnd(address);
      if (end !== undefined) metrics.certificateExpiry.set({ endpoint }, (end.getTime() - Date.now()) / 1_000);
    }
    return false;
  };
}
