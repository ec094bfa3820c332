import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.js";

/** Whether each dependency answers, by name. */
export type Readiness = Record<string, boolean>;

export interface HealthServer {
  start(): Promise<{ port: number }>;
  destroy(): Promise<void>;
}

/**
 * `/healthz` (is the process well), `/readyz` (does it reach what it needs, dependency by dependency) and `/metrics`, on a
 * port of the service's own.
 */
export function createHealthServer(options: {
  host: string;
  port: number;
  metrics: Metrics;
  live: () => boolean;
  ready: () => Promise<Readiness>;
}): HealthServer {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(body);
    };
    const path = request.url?.split("?")[0];
    if (path === "/healthz") {
      const live = options.live();
      answer(live ? 200 : 503, "application/json", JSON.stringify({ status: live ? "ok" : "stuck" }));
    } else if (path === "/readyz") {
      options.ready().then(
        (dependencies) => {
          const ok = Object.values(dependencies).every(Boolean);
          answer(
            ok ? 200 : 503,
            "application/json",
            JSON.stringify({ status: ok ? "ok" : "unavailable", dependencies }),
          );
        },
        () => answer(503, "application/json", JSON.stringify({ status: "unavailable", dependencies: {} })),
      );
    } else if (path === "/metrics") {
      options.metrics.registry.metrics().then(
        (text) => answer(200, options.metrics.registry.contentType, text),
        () => answer(500, "text/plain", ""),
      );
    } else answer(404, "text/plain", "");
  });
  return {
    async start() {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(options.port, options.host, resolve);
      });
      return { port: (server.address() as AddressInfo).port };
    },
    async destroy() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
