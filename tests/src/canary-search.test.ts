import { createHash } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import JSZip from "jszip";
import { createCanarySearch } from "./support/canaries.js";

const mark = "Vosskuhle, Quillandra";
const search = createCanarySearch([mark, "88417-00931"]);
const around = (text: string | Buffer) =>
  Buffer.concat([Buffer.from("{a:1,"), Buffer.from(text as string), Buffer.from("}~")]);
const zip = new JSZip();
zip.file("letter.txt", `About ${mark}, and more of it that is long enough to be packed. ${"and more ".repeat(20)}`);

const forms: Record<string, string | Buffer> = {
  plain: mark,
  "another case": mark.toUpperCase(),
  base64: Buffer.from(mark).toString("base64"),
  "base64 behind one byte": Buffer.from(`x${mark}yz`).toString("base64"),
  "base64 behind two bytes": Buffer.from(`xx${mark}y`).toString("base64"),
  base64url: Buffer.from(`xx${mark}y`).toString("base64url"),
  "percent-encoded": encodeURIComponent(mark),
  "percent-encoded, in lower case": encodeURIComponent(mark).toLowerCase(),
  "percent-encoded, every byte": [...Buffer.from(mark)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""),
  "as a form has it": mark.replaceAll(" ", "+"),
  "UTF-16, little end first": Buffer.from(mark, "utf16le"),
  "UTF-16, big end first": Buffer.from(mark, "utf16le").swap16(),
  hex: Buffer.from(mark).toString("hex"),
  gzip: gzipSync(`about ${mark}`),
  zlib: deflateSync(`about ${mark}`),
  "base64 in gzip": gzipSync(Buffer.from(`x${mark}`).toString("base64")),
  "a member of a zip file": await zip.generateAsync({ type: "nodebuffer", compression: "DEFLATE" }),
  ...Object.fromEntries(
    ["md5", "sha1", "sha256"].flatMap((algorithm) => [
      [`${algorithm} in hex`, createHash(algorithm).update(mark).digest("hex")],
      [`${algorithm} in base64`, createHash(algorithm).update(mark).digest("base64")],
      [`${algorithm} in bytes`, createHash(algorithm).update(mark).digest()],
      [`${algorithm} of lower case`, createHash(algorithm).update(mark.toLowerCase()).digest("hex")],
    ]),
  ),
};

describe("the search for marks finds one written", () => {
  it.each(Object.entries(forms))("as %s", (_, written) => {
    expect(search(around(written)).map((hit) => hit.mark)).toContain(mark);
  });
});

it("finds nothing where nothing is", () => {
  expect(search("An ordinary line, base64 of something: aGVsbG8gd29ybGQ=")).toEqual([]);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 4_096 }), (bytes) => search(Buffer.from(bytes)).length === 0));
});

it("finds base64 at any place of anything", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 }), (before, after) => {
      const text = Buffer.concat([before, Buffer.from(mark), after]).toString("base64");
      return search(text).some((hit) => hit.mark === mark);
    }),
  );
});
