/** The codes of CCITT T.4 and T.6: runs of white and of black pixels, 0 to 63 and then in steps of 64. */
const white =
  "00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011";
const black =
  "0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 0000001100100 0000001100101";
const long =
  "00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111 000000011100 000000011101 000000011110 000000011111";
/** Pass, horizontal, and vertical by −3 … 3. */
const modes = "0001 001 0000010 000010 010 1 011 000011 0000011";

const longestCode = 13;
/** What a code means, by the next 13 bits: the value, and the code's length; length 0 where there is none. */
interface Codes {
  values: Int16Array;
  lengths: Uint8Array;
}

function codes(list: string, value: (index: number) => number): Codes {
  const table = { values: new Int16Array(1 << longestCode), lengths: new Uint8Array(1 << longestCode) };
  for (const [index, code] of list.split(" ").entries()) {
    const free = longestCode - code.length;
    const first = Number.parseInt(code, 2) << free;
    table.values.fill(value(index), first, first + (1 << free));
    table.lengths.fill(code.length, first, first + (1 << free));
  }
  return table;
}

const runLength = (index: number) => (index < 64 ? index : (index - 63) * 64);
const runs: readonly [Codes, Codes] = [codes(`${white} ${long}`, runLength), codes(`${black} ${long}`, runLength)];
const [pass, horizontal] = [100, 101];
const modeCodes = codes(modes, (index) => [pass, horizontal][index] ?? index - 5);

const endOfLine = 1;
const endOfLineLength = 12;

class Bits {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length * 8;
  }

  /** The next bits, 24 at most; zeros after the end. */
  peek(count: number): number {
    const byte = this.at >> 3;
    const word =
      (((this.#bytes[byte] ?? 0) << 24) |
        ((this.#bytes[byte + 1] ?? 0) << 16) |
        ((this.#bytes[byte + 2] ?? 0) << 8) |
        (this.#bytes[byte + 3] ?? 0)) >>>
      0;
    return ((word << (this.at & 7)) >>> 0) >>> (32 - count);
  }

  /** A code's value; undefined where the bits are none. */
  code(table: Codes): number | undefined {
    const next = this.peek(longestCode);
    const length = table.lengths[next] ?? 0;
    if (length === 0) return undefined;
    this.at += length;
    return table.values[next];
  }

  /** To after the next end of line; false where there is none. */
  skipToEndOfLine(): boolean {
    while (!this.isAtEnd) {
      if (this.peek(endOfLineLength) === endOfLine) {
        this.at += endOfLineLength;
        return true;
      }
      this.at += 1;
    }
    return false;
  }
}

export interface CcittOptions {
  width: number;
  height: number;
  /** rle: lines of runs that begin at whole bytes (TIFF's compression 2) · g3: T.4 · g4: T.6 */
  scheme: "rle" | "g3" | "g4";
  /** T.4: lines may say how they differ from the line above. */
  isTwoDimensional: boolean;
}

/**
 * Fax data as bytes of pixels, 1 where it is black; rows are padded to whole bytes. A damaged line of T.4 takes the line above, and
 * reading goes on at the next mark; where nothing more can be read the rest is white.
 */
export function decodeCcitt(bytes: Uint8Array, options: CcittOptions): { rows: Uint8Array; damagedLines: number } {
  const { width, height, scheme } = options;
  const stride = (width + 7) >> 3;
  const rows = new Uint8Array(stride * height);
  const bits = new Bits(bytes);
  let damagedLines = 0;
  /** Where the colour changes, in the line above and in this one; white first. */
  let above: number[] = [];
  for (let y = 0; y < height; y += 1) {
    const line = readLine(bits, above, options);
    if (line === "end") {
      damagedLines += height - y;
      break;
    }
    if (line === "damaged") {
      damagedLines += 1;
      // Nothing in T.6 says where the next line begins.
      if (scheme !== "g3" || !backToEndOfLine(bits)) {
        damagedLines += height - y - 1;
        break;
      }
    } else above = withoutEmptyRuns(line);
    paint(rows, y * stride, above, width);
  }
  return { rows, damagedLines };
}

/** The mark itself is left for the next line to find. */
function backToEndOfLine(bits: Bits): boolean {
  const found = bits.skipToEndOfLine();
  if (found) bits.at -= endOfLineLength;
  return found;
}

function readLine(bits: Bits, above: readonly number[], options: CcittOptions): number[] | "damaged" | "end" {
  const { width, scheme, isTwoDimensional } = options;
  if (scheme === "rle") bits.at = (bits.at + 7) & ~7;
  if (bits.isAtEnd) return "end";
  if (scheme === "g4") return bits.peek(24) === 0x1001 ? "end" : differences(bits, above, width);
  let marks = 0;
  if (scheme === "g3") {
    // Fill before a mark is zeros, as many as it takes.
    for (;;) {
      const start = bits.at;
      while (!bits.isAtEnd && bits.peek(11) === 0 && bits.peek(12) !== endOfLine) bits.at += 1;
      if (bits.peek(endOfLineLength) !== endOfLine) {
        bits.at = start;
        break;
      }
      bits.at += endOfLineLength;
      marks += 1;
      const isFlat = !isTwoDimensional || bits.peek(1) === 1;
      if (isTwoDimensional) bits.at += 1;
      // Several in a row end the page.
      const next = bits.peek(endOfLineLength) === endOfLine;
      if (next) {
        if (marks > 1) return "end";
        continue;
      }
      if (!isFlat) return differences(bits, above, width);
      return flat(bits, width);
    }
    if (isTwoDimensional && marks === 0) {
      // Without marks the tag bit alone tells.
      const isFlat = bits.peek(1) === 1;
      bits.at += 1;
      return isFlat ? flat(bits, width) : differences(bits, above, width);
    }
  }
  return flat(bits, width);
}

/** A line of runs, white and black in turn. */
function flat(bits: Bits, width: number): number[] | "damaged" {
  const line: number[] = [];
  let at = 0;
  for (let colour = 0; at < width; colour ^= 1) {
    const length = run(bits, colour);
    if (length === undefined || at + length > width) return "damaged";
    at += length;
    line.push(at);
  }
  return line;
}

/** A run's length: steps of 64, then the rest. */
function run(bits: Bits, colour: number): number | undefined {
  let length = 0;
  for (;;) {
    const part = bits.code(runs[colour ? 1 : 0]);
    if (part === undefined) return undefined;
    length += part;
    if (part < 64) return length;
  }
}

/** A line by where it differs from the one above. */
function differences(bits: Bits, above: readonly number[], width: number): number[] | "damaged" {
  const line: number[] = [];
  let at = 0;
  let colour = 0;
  let begun = false;
  let index = 0;
  while (at < width) {
    // b1: the first change above that lies right of here and turns to the other colour; changes alternate, the first turns black.
    while (index > 0 && (above[index - 1] ?? width) > at) index -= 1;
    while (index < above.length && ((index & 1) !== colour || (above[index] as number) < (begun ? at + 1 : 0)))
      index += 1;
    const b1 = above[index] ?? width;
    const mode = bits.code(modeCodes);
    if (mode === undefined) return "damaged";
    if (mode === pass) {
      at = above[index + 1] ?? width;
      begun = true;
      continue;
    }
    if (mode === horizontal) {
      for (let count = 0; count < 2; count += 1) {
        const length = run(bits, colour ^ count);
        if (length === undefined || at + length > width) return "damaged";
        at += length;
        line.push(at);
      }
    } else {
      const to = b1 + mode;
      if (to < at || to > width) return "damaged";
      at = to;
      line.push(at);
      colour ^= 1;
    }
    begun = true;
  }
  return line;
}

/** Two changes in one place are none. */
function withoutEmptyRuns(line: readonly number[]): number[] {
  const kept: number[] = [];
  for (const at of line) {
    if (kept.at(-1) === at) kept.pop();
    else kept.push(at);
  }
  return kept;
}

function paint(rows: Uint8Array, start: number, changes: readonly number[], width: number): void {
  for (let index = 0; index < changes.length; index += 2) {
    const end = Math.min(width, changes[index + 1] ?? width);
    for (let x = changes[index] as number; x < end; x += 1) {
      if ((x & 7) === 0 && x + 8 <= end) {
        rows[start + (x >> 3)] = 0xff;
        x += 7;
      } else (rows[start + (x >> 3)] as number) |= 0x80 >> (x & 7);
    }
  }
}
