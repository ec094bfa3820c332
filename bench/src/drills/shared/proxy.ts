import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What becomes of a request. `…After`: the other side did what was asked, and only the answer is lost.
 *
 *   error     a 5xx, as a gateway in front answers it: 500, 502, 503 and 504 by turns
 *   cut       the connection is gone
 *   truncate  the answer breaks off in the middle
 *   hang      no answer until the caller gives up, or the gateway in front does: 504
 */
export type Fate = "pass" | "error" | "errorAfter" | "cut" | "cutAfter" | "truncate" | "hang";

/** Stands before an HTTP server and does to requests what networks and gateways do. */
export interface FaultyProxy {
  url: string;
  /** Asked for each request from now on; null: all pass. */
  behave(fate: (() => Fate) | null): void;
  /** Nobody listens any more, and what was connected is cut. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** How many requests met each fate. */
  fates: Partial<Record<Fate, number>>;
  destroy(): Promise<void>;
}

/** How long a gateway in front waits for the server behind it. */
const gatewayMs = 20_000;
const statuses = [500, 502, 503, 504];
let errors = 0;

function answerError(response: ServerResponse): void {
  if (response.headersSent) return void response.destroy();
  errors += 1;
  response.writeHead(statuses[errors % statuses.length] ?? 500, { "content-type": "application/json" });
  response.end(JSON.stringify({ message: "An unexpected error occurred" }));
}

function forward(target: URL, agent: Agent, incoming: IncomingMessage, response: ServerResponse, fate: Fate): void {
  const outgoing = request(
    {
      agent,
      hostname: target.hostname,
      port: target.port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    },
    (answer) => {
      if (fate === "cutAfter" || fate === "errorAfter") {
        answer.resume().on("end", () => (fate === "cutAfter" ? incoming.socket.destroy() : answerError(response)));
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fate === "truncate") {
        answer.once("data", (part: Buffer) => {
          response.write(part.subarray(0, Math.ceil(part.length / 2)), () => incoming.socket.destroy());
          answer.resume();
        });
        answer.once("end", () => incoming.socket.destroy());
        return;
      }
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    },
  );
  // A caller that is told nothing may believe anything: an answer that broke off is a connection that broke off.
  outgoing.on("error", () => (response.headersSent ? response.destroy() : incoming.socket.destroy()));
  response.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

export async function startProxy(targetUrl: string): Promise<FaultyProxy> {
  const target = new URL(targetUrl);
  const agent = new Agent({ keepAlive: false });
  const fates: Partial<Record<Fate, number>> = {};
  let choose: (() => Fate) | null = null;
  const server = createServer((incoming, response) => {
    const fate = choose?.() ?? "pass";
    fates[fate] = (fates[fate] ?? 0) + 1;
    incoming.on("error", () => {});
    if (fate === "cut") return void incoming.socket.destroy();
    if (fate === "hang") {
      const timer = setTimeout(() => answerError(response), gatewayMs);
      response.on("close", () => clearTimeout(timer));
      return void incoming.resume();
    }
    if (fate === "error") return void incoming.resume().on("end", () => answerError(response));
    forward(target, agent, incoming, response, fate);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  const close = async () => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    behave(fate) {
      choose = fate;
    },
    down: close,
    up: () => listen(port),
    fates,
    async destroy() {
      await close();
      agent.destroy();
    },
  };
}
