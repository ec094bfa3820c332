import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createObjects } from "./objects.js";
import { createRpc } from "./rpc.js";

/** What the next request is answered. */
let next: { status: number; body: string };
let server: Server;
let objects: ReturnType<typeof createObjects>;
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(next.status, { "content-type": "application/json" }).end(next.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  objects = createObjects(createRpc({ url: `http://127.0.0.1:${port}`, secretKey: "sb_secret_test" }));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const calls = {
  upload: () => objects.upload("org/id", Readable.from([Buffer.from("bytes")]), "text/plain"),
  download: () => objects.download("org/id"),
  remove: () => objects.remove(["org/id"]),
  sign: () => objects.signedUrl("org/id", 60),
};
type CallName = keyof typeof calls;
const all = Object.keys(calls) as CallName[];
const reading: CallName[] = ["download", "sign"];
const writing: CallName[] = ["upload", "remove"];

/** As Storage words its refusals: HTTP says 400, the body what is meant. */
const refusal = (statusCode: string, code: string, error: string, message: string, status = 400) => ({
  status,
  body: JSON.stringify({ statusCode, code, error, message }),
});
const missing = refusal("404", "NoSuchKey", "not_found", "Object not found");
const noBucket = refusal("404", "NoSuchBucket", "Bucket not found", "Bucket not found");

describe("what Storage refuses", () => {
  it.each<[string, CallName[], string, { status: number; body: string }]>([
    ["an object that is gone", reading, "original_missing", missing],
    ["an object that is gone, told by HTTP too", reading, "original_missing", { ...missing, status: 404 }],
    [
      "an object that is gone, named only by a code",
      reading,
      "original_missing",
      { status: 404, body: '{"code":"NoSuchKey","message":"The key does not exist"}' },
    ],
    ["a bucket that does not exist", all, "storage_misconfigured", noBucket],
    [
      "a bucket that does not exist, named only by a code",
      all,
      "storage_misconfigured",
      { status: 400, body: '{"code":"NoSuchBucket","message":"none"}' },
    ],
    ["a 404 to a write", writing, "storage_misconfigured", missing],
    [
      "a 404 of somebody else's",
      all,
      "storage_misconfigured",
      { status: 404, body: '{"message":"no Route matched with those values"}' },
    ],
    ["a 404 that is a page", all, "storage_misconfigured", { status: 404, body: "<html>Not here</html>" }],
    ["a wrong key", all, "storage_unauthorized", refusal("403", "AccessDenied", "Unauthorized", "Invalid Compact JWS")],
    [
      "a wrong key, refused before Storage",
      all,
      "storage_unauthorized",
      { status: 401, body: '{"message":"Unauthorized"}' },
    ],
    [
      "a file that is too large for it",
      ["upload"],
      "file_too_large",
      refusal("413", "EntityTooLarge", "Payload too large", "The object exceeded the maximum allowed size"),
    ],
    ["a body that is too large for its proxy", ["upload"], "file_too_large", { status: 413, body: "" }],
    [
      "a type the bucket is closed to",
      ["upload"],
      "storage_misconfigured",
      refusal("415", "InvalidMimeType", "invalid_mime_type", "mime type text/plain is not supported"),
    ],
    [
      "a path that is taken",
      ["upload"],
      "storage_unavailable",
      refusal("409", "ResourceAlreadyExists", "Duplicate", "The resource already exists"),
    ],
    [
      "a rate limit",
      all,
      "storage_unavailable",
      refusal("429", "SlowDown", "SlowDown", "Please reduce your request rate"),
    ],
    ["its database's time-out", all, "storage_unavailable", refusal("544", "DatabaseTimeout", "", "timed out", 544)],
    [
      "its lack of connections",
      all,
      "storage_unavailable",
      refusal("503", "DatabaseConnectionLimit", "", "try again later"),
    ],
    ["its own failure", all, "storage_unavailable", refusal("500", "InternalError", "Internal", "Internal", 500)],
    ["a proxy without it", all, "storage_unavailable", { status: 502, body: "<html>Bad Gateway</html>" }],
    ["a 400 that says no more", all, "storage_unavailable", { status: 400, body: '{"message":"no"}' }],
    ["what is not known yet", all, "storage_unavailable", refusal("418", "Teapot", "Teapot", "Short and stout")],
  ])("%s", async (_, names, code, answer) => {
    next = answer;
    for (const name of names) {
      const thrown = await calls[name]().then(
        () => "nothing",
        (error: { code?: string }) => error.code,
      );
      expect([name, thrown]).toEqual([name, code]);
    }
  });
});
