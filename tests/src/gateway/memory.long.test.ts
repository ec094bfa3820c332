import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { beginUpload, partHead } from "./raw.js";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

it("holds a small part of a file in memory, however large the file", async () => {
  const megabytes = 96;
  const request = await beginUpload(g.gateway.port, g.tenant.key, ["Connection: close"]);
  await request.write(partHead(request.boundary, "file", "large.txt"));
  const piece = Buffer.alloc(64 * 1024, "a large file ");
  collect();
  const before = process.memoryUsage().arrayBuffers;
  /** What is held more than before, as a share of what was sent until then. */
  const shares: number[] = [];
  for (let sent = 1; sent <= megabytes * 16; sent++) {
    await request.write(piece);
    if (sent % 64 > 0) continue;
    collect();
    shares.push((process.memoryUsage().arrayBuffers - before) / (sent * piece.length));
  }
  await request.write(`\r\n--${request.boundary}--\r\n`);
  request.socket.write("0\r\n\r\n");
  expect(await request.answer()).toMatch(/^HTTP\/1\.1 202 /);
  // A gateway that holds the file holds all of it in every sample; garbage that is not freed yet swells a few of them.
  const last = shares.slice(-shares.length / 3).sort((a, b) => a - b);
  expect(last[Math.floor(last.length / 2)]).toBeLessThan(2 / 3);
});
