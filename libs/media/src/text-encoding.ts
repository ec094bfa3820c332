/** Bytes that no text holds. Escape (ISO 2022), form feed, vertical tab and the MLLP and DOS end marks do occur. */
function isBinaryControl(byte: number): boolean {
  return (byte < 0x20 && ![0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1a, 0x1b, 0x1c].includes(byte)) || byte === 0x7f;
}

function startsWith(bytes: Uint8Array, ...mark: number[]): boolean {
  return mark.every((byte, index) => bytes[index] === byte);
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
 * The encoding of a text by its first bytes, as a label for `TextDecoder`: by its mark, else UTF-16 by its pattern, UTF-8
 * where it is valid, `windows-1252` otherwise. `undefined` when the bytes are no text.
 */
export function textEncoding(head: Uint8Array): string | undefined {
  if (startsWith(head, 0xef, 0xbb, 0xbf)) return "utf-8";
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

/** Whether an encoding label is one of UTF-16's. */
export function isUtf16(encoding: string): boolean {
  return encoding.startsWith("utf-16");
}
