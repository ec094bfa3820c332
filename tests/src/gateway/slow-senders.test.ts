import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Gateway } from "@sluice/gateway";
import type { Store } from "@sluice/store";
import { beginUpload, partHead } from "./raw.js";
import { createGatewayFixture, formOf, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

/** A Storage that takes nothing until it is told to. */
function heldStorage(): { store: Store; asked: Promise<void>; release: () => void } {
  let [tell, release] = [() => {}, () => {}];
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { store } = g.pipeline;
  const objects: Store["objects"] = {
    ...store.objects,
    async upload(...args) {
      tell();
      await released;
      return store.objects.upload(...args);
    },
  };
  return { store: { ...store, objects }, asked, release };
}

const send = async (gateway: Gateway, text: string, headers: Record<string, string> = {}) => {
  const url = `http://127.0.0.1:${gateway.port}/v1/documents`;
  const body = formOf([{ bytes: text }]);
  const response = await fetch(url, { method: "POST", headers: { "x-api-key": g.tenant.key, ...headers }, body });
  await response.body?.cancel();
  return response.status;
};

it("takes a request again whose sender went when all of it had arrived and none of it was read", async () => {
  const { store } = g.pipeline;
  let [tell, release] = [() => {}, () => {}];
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const intake: Store["intake"] = {
    ...store.intake,
    async beginRequest(...args) {
      const begun = await store.intake.beginRequest(...args);
      tell();
      await released;
      return begun;
    },
  };
  const gateway = await g.newGateway({}, { store: { ...store, intake } });
  const key = { "idempotency-key": "went-away" };
  const request = await beginUpload(gateway.port, g.tenant.key, [`Idempotency-Key: ${key["idempotency-key"]}`]);
  const { boundary } = request;
  await request.write(`${partHead(boundary, "file", "note.txt")}All of it\r\n--${boundary}--\r\n`);
  request.socket.write("0\r\n\r\n");
  await asked;
  request.socket.destroy();
  while (!g.pipeline.logs.some((line) => line.includes('"httpStatus":499'))) await sleep(20);
  release();
  // While the first one is being given up the key is its.
  let status = 409;
  while (status === 409) {
    status = await send(gateway, "All of it", key);
    await sleep(50);
  }
  expect(status).toBe(202);
});

describe("senders that are slow", () => {
  /** A request that begins, and goes on by a byte now and then at most. */
  async function half(gateway: Gateway, text: string): Promise<{ socket: Socket; answer: Promise<string> }> {
    const socket = connect(gateway.port, "127.0.0.1");
    await once(socket, "connect");
    let answer = "";
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (data: string) => {
      answer += data;
    });
    socket.write(text);
    return { socket, answer: new Promise((resolve) => socket.on("close", () => resolve(answer))) };
  }
  const head = () =>
    `POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${g.tenant.key}\r\nContent-Length: 100000\r\n`;
  const form = "Content-Type: multipart/form-data; boundary=b\r\n\r\n";
  const json =
    "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n";

  it("are told so and cut off, wherever they stop, and hold nobody up meanwhile", async () => {
    const gateway = await g.newGateway({ GATEWAY_HEADERS_SECONDS: "1", GATEWAY_PACE_GRACE_SECONDS: "2" });
    const beginnings = [
      head(),
      `${head()}${form}`,
      `${head()}${form}--b\r\nContent-Dis`,
      `${head()}${form}${partHead("b", "file", "half.txt")}A note that breaks off in the mid`,
      `${json}X-API-Key: ${g.tenant.key}\r\n\r\n{"query": "hal`,
    ];
    const slow = await Promise.all(
      Array.from({ length: 200 }, (_, i) => half(gateway, beginnings[i % beginnings.length] as string)),
    );
    const dripping = setInterval(() => {
      for (const { socket } of slow.filter((_, i) => i % 3 === 0)) socket.write("x");
    }, 200);
    try {
      expect(await send(gateway, "Among the slow ones")).toBe(202);
      const answers = await Promise.all(slow.map(({ answer }) => answer));
      expect(answers.filter((answer) => !/^HTTP\/1\.1 408 /.test(answer))).toEqual([]);
    } finally {
      clearInterval(dripping);
    }
  });

  it("are not blamed for Storage's time", async () => {
    const held = heldStorage();
    const gateway = await g.newGateway(
      { GATEWAY_MIN_BYTES_PER_SECOND: "1000000000", GATEWAY_PACE_GRACE_SECONDS: "3" },
      { store: held.store },
    );
    const sent = send(gateway, "It waits for Storage. ".repeat(100_000));
    await held.asked;
    await sleep(4_500);
    held.release();
    expect(await sent).toBe(202);
  });
});
