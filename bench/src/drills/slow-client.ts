import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";

const boundary = "drill";

/** The beginning of an upload that never ends: of its headers, of its form, or of its file. */
function beginning(host: string, apiKey: string, x: number): string {
  const head = [
    "POST /v1/documents HTTP/1.1",
    `host: ${host}`,
    `x-api-key: ${apiKey}`,
    `content-type: multipart/form-data; boundary=${boundary}`,
    "content-length: 1000000",
  ].join("\r\n");
  if (x < 0.3) return `${head}\r\n`;
  const part = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="half.txt"\r\ncontent-type: text/plain\r\n\r\n`;
  return `${head}\r\n\r\n${x < 0.6 ? part.slice(0, 40) : `${part}A note that breaks off in the mid`}`;
}

/**
 * Thousands of uploads that are begun and left, a byte now and then, while a third of the client's own requests lose their connection
 * somewhere between the first byte and the answer.
 */
export const slowClient: Drill = {
  name: "slow-client",
  // So soon that the drill sees it.
  env: { GATEWAY_HEADERS_SECONDS: "5", GATEWAY_PACE_GRACE_SECONDS: "5" },
  async disturb({ gatewayUrl, apiKey, client, random, isShort, settled, pause, figures }) {
    const { hostname, port, host } = new URL(gatewayUrl);
    const sockets = new Set<Socket>();
    let [begun, cut] = [0, 0];
    client.drop(0.33);
    const most = isShort ? 1_000 : 5_000;
    while (!settled.aborted && begun < most) {
      for (let i = 0; i < 50 && begun < most; i++) {
        begun += 1;
        const socket = connect({ host: hostname, port: Number(port) });
        sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => sockets.delete(socket));
        socket.once("data", (answer) => {
          if (answer.toString("latin1", 0, 12) === "HTTP/1.1 408") cut += 1;
        });
        socket.write(beginning(host, apiKey, random()));
      }
      // Some drip on, some are dropped, most just stay.
      for (const socket of sockets) {
        const x = random();
        if (x < 0.05) socket.destroy();
        else if (x < 0.2) socket.write("x");
      }
      await pause(250);
    }
    figures.halfOpen = begun;
    figures.heldAtOnce = sockets.size;
    await pause(isShort ? 10_000 : 60_000);
    client.drop(0);
    for (const socket of sockets) socket.destroy();
    figures.cutByGateway = cut;
    await sleep(100);
  },
  check({ figures }) {
    return figures.cutByGateway === 0 ? ["no half-open upload was cut off"] : [];
  },
};
