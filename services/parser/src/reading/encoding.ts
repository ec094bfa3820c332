import { createReadStream } from "node:fs";
import { isUtf16, textEncoding } from "@sluice/media";
import { analyse } from "chardet";

const sampleLength = 65_536;
/** Below this a guess at a legacy encoding other than Western is no better than none. */
const minConfidence = 30;

/**
 * The encoding of a text file, as a label for `decoder`. What the bytes prove comes first (a mark, valid UTF-8 with
 * characters beyond ASCII), what is declared next, a guess last: senders' declarations are often wrong, UTF-8 never is by chance.
 */
export async function fileEncoding(path: string, declared?: string | null): Promise<string> {
  const sample = await readSample(path);
  const byHead = textEncoding(sample) ?? "windows-1252";
  if (isUtf16(byHead)) return byHead;
  if (await isUtf8(path)) return "utf-8";
  return chosenEncoding(sample, declared);
}

/** The same for bytes in memory. */
export function bytesEncoding(bytes: Uint8Array, declared?: string | null): string {
  const byHead = textEncoding(bytes.subarray(0, sampleLength)) ?? "windows-1252";
  if (isUtf16(byHead)) return byHead;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return "utf-8";
  } catch {
    return chosenEncoding(bytes.subarray(0, sampleLength), declared);
  }
}

function chosenEncoding(sample: Uint8Array, declared?: string | null): string {
  const label = declared?.trim().toLowerCase();
  // A file that says it is UTF-8 or ASCII and is not was made by Western software, nearly always.
  if (label && !/^(utf-?8|us-ascii|ascii|utf-?16.*)$/.test(label) && isKnown(label)) return label;
  return guess(sample);
}

/** Western unless most letters are beyond ASCII, as in Hebrew, Arabic, Cyrillic or Japanese text. */
function guess(sample: Uint8Array): string {
  let [ascii, beyond] = [0, 0];
  for (const byte of sample) {
    if (byte >= 0x80) beyond += 1;
    else if ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) ascii += 1;
  }
  if (beyond < ascii) return "windows-1252";
  const best = analyse(sample).find(({ name, confidence }) => confidence >= minConfidence && isKnown(name));
  return best && !/^utf-16|^utf-32/i.test(best.name) ? best.name.toLowerCase() : "windows-1252";
}

function isKnown(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

/** A decoder for one stream of bytes; the byte order mark is dropped, what can't be decoded becomes U+FFFD. */
function decoder(encoding: string): { write(bytes: Uint8Array): string; end(): string } {
  const native = new TextDecoder(encoding);
  if (native.encoding !== "windows-1252") {
    return { write: (bytes) => native.decode(bytes, { stream: true }), end: () => native.decode() };
  }
  return { write: windows1252, end: () => "" };
}

/** 0x80 to 0x9f. Some Node versions decode this range as ISO 8859-1's control characters, so it is done here. */
const c1 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

function windows1252(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return latin1.replace(/[\u0080-\u009f]/g, (control) => c1[control.charCodeAt(0) - 0x80] ?? control);
}

/** All of a small text. */
export function decode(bytes: Uint8Array, encoding: string): string {
  const stream = decoder(encoding);
  return stream.write(bytes) + stream.end();
}

/** A text file piece by piece. */
export async function* readText(path: string, encoding: string): AsyncGenerator<string> {
  const stream = decoder(encoding);
  for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) yield stream.write(chunk as Buffer);
  yield stream.end();
}

/** A text file as one string. */
export async function readWhole(path: string, encoding: string): Promise<string> {
  let whole = "";
  for await (const piece of readText(path, encoding)) whole += piece;
  return whole;
}

export async function readSample(path: string, length = sampleLength): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: length - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function isUtf8(path: string): Promise<boolean> {
  const strict = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of createReadStream(path)) strict.decode(chunk as Buffer, { stream: true });
    strict.decode();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_ENCODING_INVALID_ENCODED_DATA") return false;
    throw error;
  }
}
