import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** How the server answers one kind of request; the next in line each time, the last for ever after. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface LlamaParseServer {
  url: string;
  /** Bodies of the uploads. */
  uploads: string[];
  upload: Answer[];
  job: Answer[];
  close(): Promise<void>;
}

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
export const begun = json({ id: "pjb-1", project_id: "p", status: "PENDING", tier: "agentic", error_message: null });
export const job = (status: string, pages?: unknown) =>
  json({ job: { id: "pjb-1", status, error_message: null }, ...(pages === undefined ? {} : { markdown: { pages } }) });

/** A server that speaks LlamaParse's second REST API, and fails as it is told. */
export async function startLlamaParseServer(): Promise<LlamaParseServer> {
  const next = (answers: Answer[]) =>
    (answers.length > 1 ? answers.shift() : answers[0]) ?? json({ detail: "Not Found" }, 404);
  const server: Server = createServer(async (request, response) => {
    const body = await buffer(request).catch(() => Buffer.alloc(0));
    if (request.headers.authorization !== "Bearer llx-key")
      return json({ detail: "Invalid authentication token" }, 401)(request, response);
    if (request.method === "POST" && request.url === "/api/v2/parse/upload") {
      self.uploads.push(body.toString("latin1"));
      return next(self.upload)(request, response);
    }
    if (request.method === "GET" && request.url === "/api/v2/parse/pjb-1?expand=markdown")
      return next(self.job)(request, response);
    return json({ detail: "Not Found" }, 404)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self: LlamaParseServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    uploads: [],
    upload: [begun],
    job: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return self;
}
