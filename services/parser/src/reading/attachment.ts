import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import type { Limits } from "../formats/format.js";

/** Bytes of an attachment in base64 (either alphabet, white space allowed); `undefined` when it is none. */
export function fromBase64(text: string): Buffer | undefined {
  const compact = text.replace(/\s+/g, "");
  if (compact.length < 4 || !/^[\w+/-]+={0,2}$/.test(compact)) return undefined;
  return Buffer.from(compact, "base64");
}

/** What was meant: some senders compress an attachment without saying so. */
export function unpacked(bytes: Buffer, limits: Limits): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.maxExpandedBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw error;
    return bytes;
  }
}

/** What a compression by CDA's name for it holds; `undefined` when it is damaged or of another kind. */
export function decompressed(bytes: Buffer, compression: string | undefined, limits: Limits): Buffer | undefined {
  if (!compression) return unpacked(bytes, limits);
  // "DF" is deflate by the letter, and zlib's form of it in practice.
  const ways = { DF: [inflateRawSync, inflateSync], ZL: [inflateSync], GZ: [gunzipSync] }[compression] ?? [];
  for (const way of ways) {
    try {
      return way(bytes, { maxOutputLength: limits.maxExpandedBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw error;
    }
  }
  return undefined;
}
