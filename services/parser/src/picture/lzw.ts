const [clearCode, endCode] = [256, 257];
const maxCodes = 4_096;

/** TIFF's LZW, at most `length` bytes of it; what is damaged ends early. Writers before 1988 put the bits the other way round. */
export function decodeLzw(bytes: Uint8Array, length: number): Uint8Array {
  const isOld = bytes[0] === 0 && ((bytes[1] ?? 0) & 1) === 1;
  const out = new Uint8Array(length);
  /** Each code is an earlier code and one byte more, thus a place in what was written and a length. */
  const starts = new Int32Array(maxCodes);
  const lengths = new Int32Array(maxCodes);
  let [next, size, previous, at, bit] = [258, 9, -1, 0, 0];
  while (at < length && bit + size <= bytes.length * 8) {
    const code = isOld ? lowFirst(bytes, bit, size) : highFirst(bytes, bit, size);
    bit += size;
    if (code === endCode) break;
    if (code === clearCode) {
      [next, size, previous] = [258, 9, -1];
      continue;
    }
    const start = at;
    if (code < clearCode) out[at++] = code;
    else if (code < next || (code === next && previous >= 0)) {
      // The code that is just being made repeats the one before and its first byte, which stand one after the other already.
      const isNew = code === next;
      const from = isNew ? previous : (starts[code] as number);
      const count = isNew ? start - previous + 1 : (lengths[code] as number);
      for (let index = 0; index < count && at < length; index += 1) out[at++] = out[from + index] as number;
    } else break;
    if (previous >= 0 && next < maxCodes) {
      starts[next] = previous;
      lengths[next] = start - previous + 1;
      next += 1;
    }
    previous = start;
    if (next + (isOld ? 0 : 1) >= 1 << size && size < 12) size += 1;
  }
  return out.subarray(0, at);
}

function highFirst(bytes: Uint8Array, bit: number, size: number): number {
  const byte = bit >> 3;
  const word = ((bytes[byte] ?? 0) << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
  return (word >> (24 - (bit & 7) - size)) & ((1 << size) - 1);
}

function lowFirst(bytes: Uint8Array, bit: number, size: number): number {
  const byte = bit >> 3;
  const word = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
  return (word >> (bit & 7)) & ((1 << size) - 1);
}
