/** What is told of an RTF file, in its order. */
export interface RtfHandler {
  open(): void;
  close(): void;
  /** A control word with its number, or a control symbol such as `~` or `*`. */
  word(name: string, value: number | null): void;
  /** Characters in the code page of the moment. */
  bytes(bytes: Uint8Array): void;
}

const [backslash, openBrace, closeBrace, cr, lf, quote] = [0x5c, 0x7b, 0x7d, 0x0d, 0x0a, 0x27];

/** Reads up to the end of the first group, or of the file; answers how many groups were left open. */
export function rtfTokens(file: Buffer, handler: RtfHandler): number {
  let depth = 0;
  let at = Math.max(0, file.indexOf("{"));
  while (at < file.length) {
    const byte = file[at];
    if (byte === openBrace) {
      depth += 1;
      at += 1;
      handler.open();
    } else if (byte === closeBrace) {
      depth -= 1;
      at += 1;
      if (depth <= 0) return 0;
      handler.close();
    } else if (byte === backslash) {
      at = control(file, at + 1, handler);
    } else if (byte === cr || byte === lf) {
      at += 1;
    } else {
      const end = endOfText(file, at);
      handler.bytes(file.subarray(at, end));
      at = end;
    }
  }
  return depth;
}

function endOfText(file: Buffer, from: number): number {
  let at = from;
  while (at < file.length) {
    const byte = file[at];
    if (byte === backslash || byte === openBrace || byte === closeBrace || byte === cr || byte === lf) break;
    at += 1;
  }
  return at;
}

/** A control word or symbol, from behind its backslash; answers where the file goes on. */
function control(file: Buffer, from: number, handler: RtfHandler): number {
  const first = file[from] ?? 0;
  if (first === quote) {
    const code = Number.parseInt(file.toString("latin1", from + 1, from + 3), 16);
    if (!Number.isNaN(code)) handler.bytes(Uint8Array.of(code));
    return from + 3;
  }
  if (!isLetter(first)) {
    if (first === cr || first === lf) handler.word("par", null);
    else if (first === backslash || first === openBrace || first === closeBrace) handler.bytes(Uint8Array.of(first));
    else handler.word(String.fromCharCode(first), null);
    return from + 1;
  }
  let at = from;
  while (isLetter(file[at] ?? 0)) at += 1;
  const name = file.toString("latin1", from, at);
  const start = at;
  if (file[at] === 0x2d) at += 1;
  while (isDigit(file[at] ?? 0) && at - start < 11) at += 1;
  const value = at > start ? Number(file.toString("latin1", start, at)) : null;
  if (file[at] === 0x20) at += 1;
  if (name === "bin") return at + Math.max(0, value ?? 0);
  handler.word(name, Number.isNaN(value) ? null : value);
  return at;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
