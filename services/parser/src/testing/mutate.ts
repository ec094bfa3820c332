/** Numbers from 0 to just below 1, the same for the same seed (mulberry32, Tommy Ettinger, public domain). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const tokens = [
  "\0",
  "\r",
  "&",
  "<",
  "]]>",
  "|",
  "~",
  "%PDF-1.7",
  "endobj",
  "stream",
  "PK\x03\x04",
  "\ufeff",
  "{",
  "[",
  '"',
  "&#x1F4A9;",
];

/** Damages a file in one to three ways, the same for the same numbers: what transport, disks and people do to files, and worse. */
export function mutate(original: Buffer, others: readonly Buffer[], random: () => number): Buffer {
  const below = (end: number) => Math.floor(random() * end);
  const range = (bytes: Buffer, most: number): [number, number] => {
    const from = below(bytes.length + 1);
    return [from, Math.min(bytes.length, from + below(most) + 1)];
  };
  const ways: ((bytes: Buffer) => Buffer)[] = [
    function flipBits(bytes) {
      const damaged = Buffer.from(bytes);
      for (let count = 1 + below(24); count > 0 && damaged.length > 0; count -= 1) {
        const at = below(damaged.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << below(8));
      }
      return damaged;
    },
    function truncate(bytes) {
      return bytes.subarray(0, below(bytes.length));
    },
    function cut(bytes) {
      const [from, to] = range(bytes, 4_096);
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    },
    function splice(bytes) {
      const other = others[below(others.length)] ?? bytes;
      const [from, to] = range(other, 8_192);
      const at = below(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)]);
    },
    function repeat(bytes) {
      const [from, to] = range(bytes, 512);
      const piece = bytes.subarray(from, to);
      return Buffer.concat([
        bytes.subarray(0, to),
        ...Array.from({ length: below(200) }, () => piece),
        bytes.subarray(to),
      ]);
    },
    function inflateNumbers(bytes) {
      const text = bytes.toString("latin1");
      const at = below(text.length + 1);
      const damaged = text
        .slice(at)
        .replace(/\d+/, () => ["0", "-1", "4294967296", "99999999999", "1e309"][below(5)] ?? "0");
      return Buffer.from(text.slice(0, at) + damaged, "latin1");
    },
    function insertToken(bytes) {
      const at = below(bytes.length + 1);
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(tokens[below(tokens.length)] ?? ""),
        bytes.subarray(at),
      ]);
    },
    function zero(bytes) {
      const damaged = Buffer.from(bytes);
      const [from, to] = range(damaged, 1_024);
      return damaged.fill(0, from, to);
    },
  ];
  let bytes = original;
  for (let count = 1 + below(3); count > 0; count -= 1)
    bytes = (ways[below(ways.length)] as (typeof ways)[number])(bytes);
  return bytes;
}
