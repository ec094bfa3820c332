import { refuseEviction } from "@sluice/queue";
import type { Service, ServiceTools } from "@sluice/runtime";
import { createApp } from "./app.js";
import type { GatewayConfig } from "./config.js";
import { createContext, type GatewayOverrides } from "./context.js";
import { readiness } from "./routes/health.js";
import { createHttpServer } from "./server.js";

export { type GatewayConfig, gatewayConfig } from "./config.js";
export type { GatewayOverrides } from "./context.js";

/** The gateway; `port` is known once it has started. */
export interface Gateway extends Service {
  readonly port: number;
}

/** The HTTP API in front of the pipeline: takes documents in, tells what became of them, and lets them be found. */
export function createGateway(config: GatewayConfig, tools: ServiceTools, overrides?: GatewayOverrides): Gateway {
  const context = createContext(config, tools, overrides);
  const server = createHttpServer(createApp(context), config.http);
  let stopping: Promise<void> | undefined;
  return {
    get port() {
      return server.port;
    },
    async start() {
      await refuseEviction(config.queue);
      context.poller.start();
      context.standings.start();
      await server.listen();
      tools.logger.info("http.listening", { port: server.port });
    },
    /** Redis is not among them: without it uploads are taken in all the same, and queued when it is back. */
    async ready() {
      const { database } = await readiness(context);
      return { database };
    },
    destroy() {
      stopping ??= (async () => {
        const closed = server.close(tools.graceMs);
        context.streams.endAll();
        await closed;
        await context.poller.destroy();
        await context.standings.destroy();
        await context.producer.destroy();
        await context.destroy();
      })();
      return stopping;
    },
  };
}
