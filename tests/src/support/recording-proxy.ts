import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";

export interface RecordingProxy {
  url: string;
  /** Request lines and headers, and what was answered to what failed. */
  seen: string[];
  destroy(): Promise<void>;
}

/** Stands before a server and writes down what a proxy's log would hold. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    const onward = send(
      new URL(request.url ?? "/", target),
      { method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        if ((answer.statusCode ?? 0) >= 400) answer.on("data", (part) => seen.push(`answer ${String(part)}`));
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.on("error", () => onward.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    destroy: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
