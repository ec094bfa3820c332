import { inflateSync } from "node:zlib";

/** A stream's dictionary is shorter, or it is not looked at. */
const maxDictionary = 4_096;
/** So many are looked at. */
const maxLooks = 100_000;
/** So much is unpacked of one stream, and of all. */
const maxUnpacked = 64 * 1024 * 1024;
const maxTotal = 512 * 1024 * 1024;

/**
 * Whether a stream that may be a page's content is not whole. PDFium reads what it can of such a page and says nothing. Pictures and fonts are left out,
 * as is all of a file that is encrypted.
 */
export function hasBrokenStream(file: Buffer): boolean {
  if (file.includes("/Encrypt")) return false;
  let [left, looks] = [maxTotal, 0];
  for (
    let at = file.indexOf("stream");
    at !== -1 && left > 0 && looks < maxLooks;
    at = file.indexOf("stream", at + 6)
  ) {
    if (!/>>\s*$/.test(file.toString("latin1", Math.max(0, at - 8), at))) continue;
    looks += 1;
    const dictionary = dictionaryBefore(file, at);
    if (!/\/Filter\s*(\[\s*)?\/FlateDecode/.test(dictionary) || isOther(dictionary)) continue;
    const start = at + 6 + (file[at + 6] === 0x0d ? 1 : 0) + 1;
    const end = endOf(file, start, dictionary);
    if (end === -1) return true;
    try {
      const maxOutputLength = Math.min(maxUnpacked, left);
      left -= inflateSync(file.subarray(start, end), { maxOutputLength, chunkSize: roomFor(end - start) }).length;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ERR_BUFFER_TOO_LARGE") left -= maxUnpacked;
      // A wrong sum over bytes that all came is of no account.
      else if (!/incorrect data check/.test(message)) return true;
    }
    at = end;
  }
  return false;
}

/** zlib takes room in pieces of this size: by its own measure, the streams of a long file would fill the memory with empty rooms. */
function roomFor(packed: number): number {
  return Math.min(65_536, Math.max(1_024, packed * 4));
}

function dictionaryBefore(file: Buffer, at: number): string {
  const text = file.toString("latin1", Math.max(0, at - maxDictionary), at);
  const start = text.lastIndexOf(" obj");
  return start === -1 ? "" : text.slice(start);
}

/** Where its length says, if the end stands there; where the next end stands otherwise. */
function endOf(file: Buffer, start: number, dictionary: string): number {
  const length = /\/Length\s+(\d+)(?!\s+\d+\s+R)/.exec(dictionary)?.[1];
  const stated = start + Number(length ?? Number.NaN);
  if (stated <= file.length && /^\s*endstream/.test(file.toString("latin1", stated, stated + 12))) return stated;
  return file.indexOf("endstream", start);
}

/** What no page's text is in. */
function isOther(dictionary: string): boolean {
  return /\/Subtype\s*\/(Image|Type1C|CIDFontType0C|OpenType|XML)|\/Length1\b|\/Type\s*\/(XRef|ObjStm|EmbeddedFile|Metadata)/.test(
    dictionary,
  );
}
