import { createHash } from "node:crypto";
import { constants, inflateRawSync, inflateSync } from "node:zlib";

/** Something that was found where it must not be: which mark, written how. */
export interface Hit {
  mark: string;
  form: string;
}

interface Needle extends Hit {
  bytes: Buffer;
}

const percent = (bytes: Buffer) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
const expandAtMost = 64 * 1024 * 1024;

/** What all base64 texts of `bytes` have in common, behind so many other bytes; its ends depend on what is around it. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const from = Math.ceil((offset * 8) / 6);
  return text.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
}

function needlesOf(mark: string): Needle[] {
  const utf8 = Buffer.from(mark);
  const forms: [string, string | Buffer][] = [
    ["plain", utf8],
    ["utf-16le", Buffer.from(mark, "utf16le")],
    ["utf-16be", Buffer.from(mark, "utf16le").swap16()],
    ["uri component", encodeURIComponent(mark)],
    ["form field", mark.replaceAll(" ", "+")],
    ["percent, all", percent(utf8)],
    ["hex", utf8.toString("hex")],
  ];
  for (const offset of [0, 1, 2]) {
    const text = base64At(utf8, offset);
    forms.push(
      [`base64 at ${offset}`, text],
      [`base64url at ${offset}`, text.replaceAll("+", "-").replaceAll("/", "_")],
    );
  }
  for (const algorithm of ["md5", "sha1", "sha256"])
    for (const said of [mark, mark.toLowerCase(), mark.toUpperCase()]) {
      const digest = createHash(algorithm).update(said).digest();
      forms.push(
        [algorithm, digest],
        [`${algorithm} hex`, digest.toString("hex")],
        [`${algorithm} base64`, digest.toString("base64").replace(/=+$/, "")],
        [`${algorithm} base64url`, digest.toString("base64url")],
      );
    }
  return forms.map(([form, bytes]) => ({ mark, form, bytes: Buffer.from(bytes as string) }));
}

/** How long the header of a gzip stream is (RFC 1952). */
function gzipHeader(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let end = at + 10;
  if ((flags & 4) !== 0) end += 2 + (bytes[end] ?? 0) + 256 * (bytes[end + 1] ?? 0);
  for (const flag of [8, 16]) if ((flags & flag) !== 0) end = Math.max(end, bytes.indexOf(0, end)) + 1;
  return end + ((flags & 2) !== 0 ? 2 : 0) - at;
}

/** Compressed streams in the bytes, expanded; what only looks like one is passed over. */
function expanded(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  // What is cut off, or has something behind it, is expanded as far as it goes.
  const options = { maxOutputLength: expandAtMost, finishFlush: constants.Z_SYNC_FLUSH };
  const attempt = (expand: () => Buffer) => {
    try {
      found.push(expand());
    } catch {
      // Not a stream.
    }
  };
  for (
    let at = bytes.indexOf("\x1f\x8b\x08", 0, "latin1");
    at >= 0;
    at = bytes.indexOf("\x1f\x8b\x08", at + 1, "latin1")
  )
    attempt(() => inflateRawSync(bytes.subarray(at + gzipHeader(bytes, at)), options));
  for (const head of ["\x78\x9c", "\x78\x01", "\x78\xda"])
    for (let at = bytes.indexOf(head, 0, "latin1"); at >= 0; at = bytes.indexOf(head, at + 1, "latin1"))
      attempt(() => inflateSync(bytes.subarray(at), options));
  // Members of zip files: behind the local header, its name and its extra field.
  for (let at = bytes.indexOf("PK\x03\x04", 0, "latin1"); at >= 0; at = bytes.indexOf("PK\x03\x04", at + 4, "latin1"))
    if (at + 30 <= bytes.length)
      attempt(() =>
        inflateRawSync(bytes.subarray(at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28)), options),
      );
  return found;
}

/** Looks for marks, however they are written: as they are or in another case, encoded, hashed without salt, or compressed. */
export function createCanarySearch(marks: readonly string[]) {
  const needles = marks.flatMap(needlesOf);
  const lower = marks.map((mark) => ({ mark, text: mark.toLowerCase() }));
  const search = (bytes: Buffer, depth: number): Hit[] => {
    const hits: Hit[] = needles
      .filter((needle) => bytes.includes(needle.bytes))
      .map(({ mark, form }) => ({ mark, form }));
    const folded = bytes.toString("latin1").toLowerCase();
    for (const { mark, text } of lower)
      if (folded.includes(Buffer.from(text).toString("latin1"))) hits.push({ mark, form: "in some case" });
    if (/%[0-9a-f]{2}/.test(folded))
      for (const { mark } of lower)
        if (folded.includes(percent(Buffer.from(mark))) || folded.includes(encodeURIComponent(mark).toLowerCase()))
          hits.push({ mark, form: "percent" });
    if (depth > 0)
      for (const inner of expanded(bytes))
        hits.push(...search(inner, depth - 1).map(({ mark, form }) => ({ mark, form: `compressed, ${form}` })));
    return hits;
  };
  return (content: Buffer | string): Hit[] => search(Buffer.from(content as string), 2);
}
