import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createScanner } from "./clamd.js";

// In two pieces, so that no scanner takes this file for it.
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("");
const limit = 1_000_000;

/** Speaks clamd's protocol: `zINSTREAM`, lengths and chunks, a length of zero, a verdict that ends with a zero. */
function answer(socket: Socket): void {
  let buffer = Buffer.alloc(0);
  let content = Buffer.alloc(0);
  let begun = false;
  const say = (verdict: string) => {
    socket.removeAllListeners("data").resume().end(`${verdict}\0`);
  };
  socket.on("error", () => {});
  socket.on("data", (part) => {
    buffer = Buffer.concat([buffer, part as Buffer]);
    if (!begun) {
      if (!buffer.includes(0)) return;
      if (buffer.subarray(0, 10).toString() !== "zINSTREAM\0") return say("UNKNOWN COMMAND");
      buffer = buffer.subarray(10);
      begun = true;
    }
    while (buffer.length >= 4) {
      const length = buffer.readUInt32BE(0);
      if (length === 0) return say(content.includes(eicar) ? "stream: Eicar-Test-Signature FOUND" : "stream: OK");
      if (content.length + length > limit) return say("INSTREAM size limit exceeded. ERROR");
      if (buffer.length < 4 + length) return;
      content = Buffer.concat([content, buffer.subarray(4, 4 + length)]);
      buffer = buffer.subarray(4 + length);
    }
  });
}

const servers: Server[] = [];
const sockets = new Set<Socket>();
async function listen(behave: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    behave(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

let folder: string;
let port: number;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-clamd-"));
  port = await listen(answer);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await rm(folder, { recursive: true, force: true });
});

const never = new AbortController().signal;
async function scan(content: string | Buffer, at = port, signal = never, timeoutMs = 5_000): Promise<unknown> {
  const file = join(folder, "original");
  await writeFile(file, content);
  return createScanner({ host: "127.0.0.1", port: at, timeoutMs })(file, signal).then(
    () => "clean",
    (error: { code?: unknown; name: string }) => error.code ?? error.name,
  );
}

describe("a scanner", () => {
  it("lets a clean file pass, an empty one too, and one of many chunks", async () => {
    expect(await scan("a letter")).toBe("clean");
    expect(await scan("")).toBe("clean");
    expect(await scan(Buffer.alloc(900_000, "x"))).toBe("clean");
  });

  it("stops what is infected, wherever in the file it is", async () => {
    expect(await scan(eicar)).toBe("document_infected");
    expect(await scan(Buffer.concat([Buffer.alloc(65_530, "x"), Buffer.from(eicar), Buffer.alloc(100_000)]))).toBe(
      "document_infected",
    );
  });

  it("stops what is larger than clamd takes", async () => {
    expect(await scan(Buffer.alloc(limit * 30))).toBe("document_unscannable");
  });

  it("has everything wait while there is no verdict: refused, silent, cut off, nonsense", async () => {
    const closed = await listen(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    for (const [behaviour, at] of [
      ["refused", closed],
      ["silent", await listen((socket) => void socket.resume())],
      ["cut off", await listen((socket) => void socket.destroy())],
      ["nonsense", await listen((socket) => void socket.end("COMMAND READ TIMED OUT\0"))],
      ["endless", await listen((socket) => void socket.write("x".repeat(10_000)))],
    ] as const)
      expect([behaviour, await scan("a letter", at, never, 200)]).toEqual([behaviour, "scanner_unavailable"]);
  });

  it("ends when the job is called off", async () => {
    const silent = await listen((socket) => void socket.resume());
    expect(await scan("a letter", silent, AbortSignal.timeout(50))).toBe(DOMException.TIMEOUT_ERR);
  });
});
