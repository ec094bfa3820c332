import { isCharacter } from "./text-decoder.js";

/** Bytes that no text holds. Escape (ISO 2022), form feed, vertical tab and the MLLP and DOS end marks do occur. */
function isBinaryControl(byte: number): boolean {
  return (byte < 0x20 && ![0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1a, 0x1b, 0x1c].includes(byte)) || byte === 0x7f;
}

function startsWith(bytes: Uint8Array, ...mark: number[]): boolean {
  return mark.every((byte, index) => bytes[index] === byte);
}

/** Fewer units of four bytes prove nothing. */
const minUnits = 4;

/** UTF-32: by its mark, or where every unit is a character that a text may hold, which no other kind of file is made of. */
function utf32Order(head: Uint8Array): "utf-32le" | "utf-32be" | undefined {
  const units = head.length >> 2;
  if (units === 0) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, units * 4);
  for (const order of ["utf-32le", "utf-32be"] as const) {
    const code = (unit: number) => view.getUint32(unit * 4, order === "utf-32le");
    const isMarked = code(0) === 0xfeff;
    if (isMarked && units === 1) return order;
    let unit = isMarked ? 1 : 0;
    while (unit < units && isCharacter(code(unit)) && !isBinaryControl(code(unit))) unit += 1;
    if (unit === units && (isMarked || units >= minUnits)) return order;
  }
  return undefined;
}

/** UTF-16 without a mark shows as every other byte being zero. */
function utf16Order(head: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  const pairs = head.length >> 1;
  if (pairs < 2) return undefined;
  let [evenZeros, oddZeros] = [0, 0];
  for (let i = 0; i < pairs * 2; i += 2) {
    if (head[i] === 0) evenZeros += 1;
    if (head[i + 1] === 0) oddZeros += 1;
  }
  if (oddZeros > pairs * 0.6 && evenZeros < pairs * 0.1) return "utf-16le";
  if (evenZeros > pairs * 0.6 && oddZeros < pairs * 0.1) return "utf-16be";
  return undefined;
}

function isUtf8(head: Uint8Array): boolean {
  try {
    // `stream`: the head may end inside a character.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * The encoding of a text by its first bytes, as a label for `textDecoder`: by its mark, else UTF-32 and UTF-16 by their pattern, UTF-8
 * where it is valid, `windows-1252` otherwise. `undefined` when the bytes are no text.
 */
export function textEncoding(head: Uint8Array): string | undefined {
  if (startsWith(head, 0xef, 0xbb, 0xbf)) return "utf-8";
  const wide = utf32Order(head);
  if (wide) return wide;
  if (startsWith(head, 0xff, 0xfe)) return "utf-16le";
  if (startsWith(head, 0xfe, 0xff)) return "utf-16be";
  const order = utf16Order(head);
  if (order) return order;
  let controls = 0;
  for (const byte of head) if (isBinaryControl(byte)) controls += 1;
  // A stray control character does not make a note a binary.
  if (controls > Math.max(1, head.length / 200)) return undefined;
  return isUtf8(head) ? "utf-8" : "windows-1252";
}

/** Whether an encoding label is one of UTF-16's or UTF-32's. */
export function isWide(encoding: string): boolean {
  return /^utf-(16|32)/.test(encoding);
}
