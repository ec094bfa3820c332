import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { GatewayConfig } from "./config.js";

export interface HttpServer {
  readonly port: number;
  listen(): Promise<void>;
  /** Takes no more, lets requests under way finish within `graceMs`, then cuts off the rest. */
  close(graceMs: number): Promise<void>;
}

/** The listening side. `Expect: 100-continue` is answered when a request has been let in, so that a refused file is never sent. */
export function createHttpServer(listener: RequestListener, config: GatewayConfig["http"]): HttpServer {
  const server = createServer(
    {
      requestTimeout: config.requestSeconds * 1_000,
      headersTimeout: config.headersSeconds * 1_000,
      connectionsCheckingInterval: Math.min(5_000, config.headersSeconds * 500),
      keepAliveTimeout: 65_000,
    },
    listener,
  );
  server.maxConnections = config.maxConnections;
  server.on("checkContinue", listener);
  server.setTimeout(config.idleSeconds * 1_000);
  return {
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? 0;
    },
    listen: () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(config.port, config.host, resolve);
      }),
    async close(graceMs) {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // A connection kept alive that was busy at first is idle when its answer is out.
      const idle = setInterval(() => server.closeIdleConnections(), 100);
      const late = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
    },
  };
}
