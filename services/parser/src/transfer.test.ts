import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createStore, objectFile } from "@sluice/store";
import { fetchOriginal } from "./transfer.js";

const patienceMs = 300;
const text = "0123456789".repeat(4);

let folder: string;
let server: Server;
let behave: (response: ServerResponse) => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-transfer-"));
  server = createServer((_, response) => behave(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function fetchIt(signal = new AbortController().signal, objectsFolder?: string): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const { objects } = createStore({ url: `http://127.0.0.1:${port}`, secretKey: "secret", objectsFolder });
  const task = { objectPath: "organization/object", contentHash: createHash("sha256").update(text).digest("hex") };
  return fetchOriginal(objects, task, join(folder, "original"), signal, patienceMs);
}

it("takes a Storage that does not answer for an outage, long before the job's time is over", async () => {
  behave = () => {};
  await expect(fetchIt()).rejects.toMatchObject({ code: "storage_unavailable" });
});

it("takes a Storage that falls silent within an original for an outage", async () => {
  behave = (response) => response.writeHead(200, { "content-length": text.length }).write(text.slice(0, 10));
  await expect(fetchIt()).rejects.toMatchObject({ code: "storage_unavailable" });
});

it("waits for an original that comes slowly", async () => {
  behave = async (response) => {
    response.writeHead(200, { "content-length": text.length });
    for (let at = 0; at < text.length; at += 8) {
      response.write(text.slice(at, at + 8));
      await new Promise((resolve) => setTimeout(resolve, patienceMs / 3));
    }
    response.end();
  };
  await fetchIt();
  expect(await readFile(join(folder, "original"), "utf8")).toBe(text);
});

it("passes on why it was broken off", async () => {
  behave = () => {};
  const [stop, reason] = [new AbortController(), "stopping"];
  const fetching = fetchIt(stop.signal);
  stop.abort(reason);
  await expect(fetching).rejects.toBe(reason);
});

describe("with a Storage on the same machine", () => {
  let asked: number;
  beforeEach(() => {
    asked = 0;
    behave = (response) => {
      asked += 1;
      response.end(text);
    };
  });
  const keep = async (content: string) => {
    const file = objectFile(join(folder, "objects"), "originals", "organization/object");
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  const fetchHere = () => fetchIt(undefined, join(folder, "objects"));

  it("reads an original where it lies", async () => {
    await keep(text);
    await fetchHere();
    expect(await readFile(join(folder, "original"), "utf8")).toBe(text);
    expect(asked).toBe(0);
  });

  it("asks for what is not there", async () => {
    await fetchHere();
    expect(await readFile(join(folder, "original"), "utf8")).toBe(text);
    expect(asked).toBe(1);
  });

  it("notices there as well what is not what was accepted", async () => {
    await keep(`${text}0`);
    await expect(fetchHere()).rejects.toMatchObject({ code: "original_altered" });
  });
});
