import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Whether nothing listens there. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Below the ports that systems give to connections (32768 on Linux): one of those may be taken before whoever asked here listens on it. */
const [lowest, highest] = [10_240, 32_767];
const mostTries = 100;

/** `wanted` where it is free, else another one. */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && wanted > 0 && (await isFree(wanted))) return wanted;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}
