import { createReadStream } from "node:fs";
import { isWide, textDecoder, textEncoding } from "@sluice/media";
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
  if (isWide(byHead)) return byHead;
  if (isEscaped(sample)) return "iso-2022-jp";
  if (await isUtf8(path)) return "utf-8";
  return chosenEncoding(sample, declared);
}

/** The same for bytes in memory. */
export function bytesEncoding(bytes: Uint8Array, declared?: string | null): string {
  const byHead = textEncoding(bytes.subarray(0, sampleLength)) ?? "windows-1252";
  if (isWide(byHead)) return byHead;
  if (isEscaped(bytes.subarray(0, sampleLength))) return "iso-2022-jp";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return "utf-8";
  } catch {
    return chosenEncoding(bytes.subarray(0, sampleLength), declared);
  }
}

/** Japanese in seven bits, which would pass for ASCII. */
function isEscaped(sample: Uint8Array): boolean {
  const text = Buffer.from(sample.buffer, sample.byteOffset, sample.length).toString("latin1");
  return text.includes("\x1b$B") || text.includes("\x1b$@");
}

/** So many characters of several bytes to each that is broken prove UTF-8 that was damaged; one where that is declared, too. */
const soundToBroken = 4;

/** UTF-8 of which some bytes were lost or changed: characters of several bytes hardly ever come about by chance. */
function isDamagedUtf8(sample: Uint8Array, isDeclared: boolean): boolean {
  let [sound, broken] = [0, 0];
  // The last may be cut by the sample's end.
  const text = new TextDecoder("utf-8").decode(sample, { stream: true });
  for (const character of text)
    if (character === "\ufffd") broken += 1;
    else if (character >= "\u0080") sound += 1;
  return isDeclared ? sound > 0 && sound >= broken : sound >= Math.max(2, broken * soundToBroken);
}

function chosenEncoding(sample: Uint8Array, declared?: string | null): string {
  const label = declared?.trim().toLowerCase();
  if (isDamagedUtf8(sample, label !== undefined && /utf-?8$/.test(label))) return "utf-8";
  const guessed = guess(withoutTags(sample));
  // A file that says it is UTF-8 or ASCII and is not was made by Western software, nearly always.
  if (!label || /^(utf-?8|us-ascii|ascii|utf-?16.*|x-user-defined)$/.test(label) || !isKnown(label)) return guessed;
  // Software that does not know better says Western.
  const isWestern = /^(iso-?8859-?1|latin-?1|windows-1252|cp1252)$/.test(label);
  if (isWestern && !isLatin(guessed)) return guessed;
  return fits(sample, label) ? label : guessed;
}

/** Bytes beyond ASCII that stand beside each other, by which script: in Latin text they stand alone. */
const minRuns = 0.6;

/** Western, unless the bytes beyond ASCII stand together as in Hebrew, Arabic, Cyrillic or Japanese text. */
function guess(sample: Uint8Array): string {
  let [beyond, together] = [0, 0];
  for (let at = 0; at < sample.length; at += 1) {
    if (!isBeyond(sample[at])) continue;
    beyond += 1;
    if (isBeyond(sample[at - 1]) || isBeyond(sample[at + 1])) together += 1;
  }
  if (together < beyond * minRuns) return latin(sample);
  const best = analyse(sample).find(
    ({ name, confidence }) => confidence >= minConfidence && isKnown(name) && !/^utf/i.test(name) && fits(sample, name),
  );
  return best?.name.toLowerCase() ?? "windows-1252";
}

/** So many letters beyond ASCII must speak for Central Europe. */
const minCentral = 8;

/** Central European where that is much likelier, or of an old Macintosh: its letters are where others keep quotation marks. */
function latin(sample: Uint8Array): string {
  let [mac, western, beyond] = [0, 0, 0];
  for (let at = 0; at < sample.length; at += 1) {
    const byte = sample[at] ?? 0;
    if (byte >= 0x80) beyond += 1;
    if (byte >= 0xc0) western += 1;
    // Further up are small letters of Central Europe.
    if (byte >= 0x80 && byte <= 0x90 && isSmall(sample[at - 1]) && isSmall(sample[at + 1])) mac += 1;
  }
  if (mac >= 2 && mac > western) return "macintosh";
  if (beyond < minCentral) return "windows-1252";
  const found = analyse(sample);
  const of = (pattern: RegExp) => found.find(({ name }) => pattern.test(name))?.confidence ?? 0;
  const central = of(/^(iso-8859-2|windows-1250)$/i);
  return central >= 40 && central > of(/^(iso-8859-1|windows-1252)$/i) + 5 ? "windows-1250" : "windows-1252";
}

function isBeyond(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80;
}

function isSmall(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

function isLatin(label: string): boolean {
  return /^(windows-125[0247]|macintosh|iso-8859-([1-4]|9|1[03456]))$/i.test(label);
}

/** Whether the bytes are text in this encoding, as far as that can be told. */
function fits(sample: Uint8Array, label: string): boolean {
  try {
    new TextDecoder(label, { fatal: true }).decode(sample, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Markup is ASCII in any language. */
function withoutTags(sample: Uint8Array): Uint8Array {
  const text = Buffer.from(sample.buffer, sample.byteOffset, sample.length).toString("latin1");
  return Buffer.from(text.replace(/<[a-z/!][^<>]*>/gi, " "), "latin1");
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
  const native = textDecoder(encoding);
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
