import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestSupabase, type TestSupabase } from "../testing.js";
import { clearIncoming, createStorageAdapter } from "./storage-adapter.js";

let supabase: TestSupabase;
beforeAll(async () => {
  supabase = await startTestSupabase();
});
afterAll(() => supabase.destroy());

const request = (path: string, init: RequestInit & { duplex?: "half" } = {}) =>
  fetch(`${supabase.url}/storage/v1/object/${path}`, {
    ...init,
    headers: { apikey: supabase.secretKey, authorization: `Bearer ${supabase.secretKey}`, ...init.headers },
  });
const upload = (path: string, body: Readable, type = "application/pdf") =>
  request(path, {
    method: "POST",
    body: Readable.toWeb(body) as ReadableStream,
    duplex: "half",
    headers: { "content-type": type },
  });

test("a stream of any length comes back byte by byte with its media type", async () => {
  const [part, parts] = [randomBytes(1_000_000), 40];
  const sent = createHash("sha256");
  const source = Readable.from(
    (function* () {
      for (let i = 0; i < parts; i++) {
        sent.update(part);
        yield part;
      }
    })(),
  );
  expect((await upload("originals/org/large", source)).status).toBe(200);
  const response = await request("originals/org/large");
  expect(response.headers.get("content-type")).toBe("application/pdf");
  expect(response.headers.get("content-length")).toBe(String(parts * part.length));
  const received = createHash("sha256");
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) received.update(chunk);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
});

test("what is uploaded again, removed or copied is so in the end", async () => {
  await upload("originals/org/one", Readable.from([Buffer.from("first")]), "text/plain");
  expect((await upload("originals/org/one", Readable.from([Buffer.from("second")]))).status).toBe(400);
  const copied = await request("copy", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ bucketId: "originals", sourceKey: "org/one", destinationKey: "org/two" }),
  });
  expect(copied.status).toBe(200);
  await request("originals", {
    method: "DELETE",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prefixes: ["org/one", "org/never-there"] }),
  });
  expect((await request("originals/org/one")).status).toBe(400);
  expect(await (await request("originals/org/two")).text()).toBe("first");
});

test("an upload that is cut off leaves no object", async () => {
  const controller = new AbortController();
  const source = Readable.from(
    (async function* () {
      yield randomBytes(100_000);
      controller.abort();
      await new Promise(() => {});
    })(),
  );
  await expect(
    request("originals/org/cut", {
      method: "POST",
      body: Readable.toWeb(source) as ReadableStream,
      duplex: "half",
      signal: controller.signal,
      headers: { "content-type": "text/plain" },
    }),
  ).rejects.toThrow();
  expect((await request("originals/org/cut")).status).toBe(400);
});

test("no key and no bucket reaches a file outside", async () => {
  for (const path of [
    "originals/..%2f..%2fpostgres%2fPG_VERSION",
    "..%2fpostgres/PG_VERSION",
    "originals/%2fetc%2fpasswd",
  ])
    expect((await request(path)).status).toBeGreaterThanOrEqual(400);

  const folder = await mkdtemp(join(tmpdir(), "sluice-objects-"));
  const adapter = createStorageAdapter({ folder: join(folder, "objects"), metadata: async () => undefined });
  await adapter.uploadObject("b", "../../escaped", undefined, Buffer.from("x"), "text/plain", "");
  expect(await readdir(folder)).toEqual(["objects"]);
  await expect(adapter.headObject("../b", "x", undefined)).rejects.toThrow("no such bucket");
  // A key may be the folder of another one.
  await adapter.uploadObject("b", "a", undefined, Buffer.from("1"), "text/plain", "");
  await adapter.uploadObject("b", "a/b", undefined, Buffer.from("22"), "text/plain", "");
  expect((await adapter.headObject("b", "a/b", undefined)).size).toBe(2);

  await writeFile(join(folder, "objects", ".incoming", "cut-off"), "half");
  await clearIncoming(join(folder, "objects"));
  expect(await readdir(join(folder, "objects"))).toEqual(["b"]);
  await rm(folder, { recursive: true });
});
