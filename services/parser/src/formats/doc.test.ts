import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { compound } from "../testing/office-files.js";

interface Given {
  /** Kinds of text in their order: body, notes, headers. */
  parts: string[];
  bits?: number;
  /** Stretches of the text with properties, as bytes of a `grpprl` with its style before it. */
  marks?: { upTo: number; style: number; properties: number[] }[];
  /** Stretches with properties of characters. */
  characters?: { upTo: number; properties: number[] }[];
  pieces?: number;
  lists?: Level[][];
}

/** How a list counts: its number of that way, where it begins, and what stands around the numbers of its levels. */
interface Level {
  format: number;
  start: number;
  text: string;
}

/** Lists, each of one level or of nine, and a name for each in their order. */
function addLists(stream: Buffer, table: Buffer, lists: Level[][]): void {
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const heads = lists.map((levels, index) => {
    const head = Buffer.concat([u32(index + 70), Buffer.alloc(24)]);
    head[26] = levels.length === 1 ? 1 : 0;
    return head;
  });
  const levels = lists.flat().map(({ format, start, text }) => {
    const head = Buffer.concat([u32(start), Buffer.from([format]), Buffer.alloc(23)]);
    // Properties of either kind come before the text.
    [head[24], head[25]] = [3, 2];
    const length = Buffer.from(Uint16Array.of(text.length).buffer);
    return Buffer.concat([head, Buffer.alloc(5, 9), length, Buffer.from(text, "utf16le")]);
  });
  const all = Buffer.concat([Buffer.from([lists.length, 0]), ...heads, ...levels]);
  all.copy(table, 1_024);
  const names = Buffer.concat([u32(lists.length), ...lists.flatMap((_, index) => [u32(index + 70), Buffer.alloc(12)])]);
  names.copy(table, 3_072);
  for (const [at, place, length] of [
    [0x2e2, 1_024, all.length],
    [0x2ea, 3_072, names.length],
  ] as const) {
    stream.writeUInt32LE(place, at);
    stream.writeUInt32LE(length, at + 4);
  }
}

/** A Word file with all its text in one piece of 8-bit characters. */
function word({ parts, bits = 0, marks = [], characters = [], pieces = 1, lists = [] }: Given): Buffer {
  const text = Buffer.from(parts.join(""), "latin1");
  const start = 0x800;
  const stream = Buffer.alloc(Math.max(start + text.length + 1_024, 8_192));
  stream.writeUInt16LE(0xa5ec, 0);
  stream.writeUInt16LE(0xc1, 2);
  stream.writeUInt16LE(bits, 0x0a);
  for (const [index, part] of parts.entries()) stream.writeUInt32LE(part.length, 0x4c + index * 4);
  text.copy(stream, start);
  const table = Buffer.alloc(8_192);
  stream.writeUInt32LE(0, 0x1a2);
  stream.writeUInt32LE(5 + 4 + pieces * 12, 0x1a6);
  table[0] = 2;
  table.writeUInt32LE(4 + pieces * 12, 1);
  for (let index = 0; index < pieces; index += 1) {
    table.writeUInt32LE(text.length * (index + 1), 5 + (index + 1) * 4);
    table.writeUInt32LE((0x40000000 | (start * 2)) >>> 0, 5 + (pieces + 1) * 4 + index * 8 + 2);
  }
  if (marks.length > 0) addMarks(stream, table, start, marks);
  if (characters.length > 0) addCharacters(stream, table, start, characters);
  if (lists.length > 0) addLists(stream, table, lists);
  return compound({ WordDocument: stream, "0Table": table });
}

function addMarks(stream: Buffer, table: Buffer, start: number, marks: NonNullable<Given["marks"]>): void {
  const page = stream.subarray(512, 1_024);
  page.fill(0);
  page[511] = marks.length;
  page.writeUInt32LE(start, 0);
  let at = 500;
  for (const [index, { upTo, style, properties }] of marks.entries()) {
    page.writeUInt32LE(start + upTo, (index + 1) * 4);
    const own = [style, 0, ...properties];
    const words = (own.length + 2) >> 1;
    at -= words * 2;
    page[at] = words;
    page.set(own, at + 1);
    page[(marks.length + 1) * 4 + index * 13] = at / 2;
  }
  stream.writeUInt32LE(4_096, 0x102);
  stream.writeUInt32LE(12, 0x106);
  table.writeUInt32LE(1, 4_096 + 8);
}

function addCharacters(stream: Buffer, table: Buffer, start: number, marks: NonNullable<Given["characters"]>): void {
  const page = stream.subarray(1_024, 1_536);
  page.fill(0);
  page[511] = marks.length;
  page.writeUInt32LE(start, 0);
  let at = 500;
  for (const [index, { upTo, properties }] of marks.entries()) {
    page.writeUInt32LE(start + upTo, (index + 1) * 4);
    at -= (properties.length + 2) & ~1;
    page[at] = properties.length;
    page.set(properties, at + 1);
    page[(marks.length + 1) * 4 + index] = at / 2;
  }
  stream.writeUInt32LE(6_144, 0xfa);
  stream.writeUInt32LE(12, 0xfe);
  table.writeUInt32LE(2, 6_144 + 8);
}

const [inTable, rowEnd] = [
  [0x16, 0x24, 1],
  [0x16, 0x24, 1, 0x17, 0x24, 1],
];

describe("Word 97–2003", () => {
  test("paragraphs in lists have their numbers", async () => {
    const nested: Level[] = Array.from({ length: 9 }, (_, level) => ({
      format: level === 1 ? 4 : 0,
      start: level === 0 ? 3 : 1,
      text: level === 1 ? "(\u0001)" : "\u0000.",
    }));
    const bullet = [{ format: 23, start: 1, text: "\u00b7" }];
    const of = (list: number, level: number) => [0x0b, 0x46, list, 0, 0x0a, 0x26, level];
    const paragraphs: [string, number[]][] = [
      ["Rest\r", of(1, 0)],
      ["in bed\r", of(1, 1)],
      ["at home\r", of(1, 1)],
      ["Fluids\r", of(1, 0)],
      ["Water\r", of(2, 0)],
      ["Signed\r", of(0, 0)],
      ["Unknown\r", of(9, 0)],
    ];
    let upTo = 0;
    const marks = paragraphs.map(([text, properties]) => {
      upTo += text.length;
      return { upTo, style: 0, properties };
    });
    const parts = [paragraphs.map(([text]) => text).join("")];
    const { text } = await parseBytes(word({ parts, marks, lists: [nested, bullet] }));
    expect(text.split("\n")).toEqual([
      "3. Rest",
      "(a) in bed",
      "(b) at home",
      "4. Fluids",
      "- Water",
      "Signed",
      "Unknown",
    ]);
  });

  test("text, results of fields, notes and headers", async () => {
    const parts = ["Seen \x13 DATE \x14today\x15.\rA\tB\x0bC\x93d\x94\r", "\x02 noted\r", "MRN 7\rMRN 7\r"];
    const { sections } = await parseBytes(word({ parts }));
    expect(sections.map(({ text }) => text)).toEqual(
      ["Seen today.\nA\tB\nC“d”", "noted", "MRN 7"].map((text) => expect.stringContaining(text)),
    );
    expect(sections[2]?.text).toBe("MRN 7");
  });

  test("built-in headings begin sections, and rows are rows", async () => {
    const body = "Plan\rNa\rserum\x07140\x07\x07\x07done\r";
    const marks = [
      { upTo: 5, style: 1, properties: [] },
      { upTo: 8, style: 0, properties: inTable as number[] },
      { upTo: 14, style: 0, properties: inTable as number[] },
      { upTo: 18, style: 0, properties: inTable as number[] },
      { upTo: 19, style: 0, properties: inTable as number[] },
      { upTo: 20, style: 0, properties: rowEnd as number[] },
      { upTo: 25, style: 0, properties: [] },
    ];
    const { sections, tables } = await parseBytes(word({ parts: [body], marks }));
    expect(sections.map(({ title, text }) => [title, text])).toEqual([["Plan", "Plan\n\nNa; serum | 140 |\ndone"]]);
    expect(tables[0]?.rows[0]?.cells).toEqual(["Na\nserum", "140", ""]);
  });

  test("struck text is marked as withdrawn, and raised digits are set off", async () => {
    const [struck, raised] = [
      [0x37, 0x08, 1],
      [0x48, 0x2a, 1],
    ];
    const characters = [
      { upTo: 5, properties: [] },
      { upTo: 9, properties: struck as number[] },
      { upTo: 12, properties: [] },
      { upTo: 13, properties: raised as number[] },
      { upTo: 16, properties: [] },
    ];
    const { text } = await parseBytes(word({ parts: ["take 5 mg 103/l\r"], characters }));
    expect(text).toBe("take ~~5 mg~~ 10^3/l");
  });

  test("locked ones say so; pieces that lie over each other, and other nonsense, are damage", async () => {
    await expect(parseBytes(word({ parts: ["x\r"], bits: 0x100 }))).rejects.toMatchObject({
      code: "document_encrypted",
    });
    await expect(parseBytes(word({ parts: ["x".repeat(5_000)], pieces: 100 }))).rejects.toMatchObject({
      code: "document_corrupt",
    });
    const bare = compound({ WordDocument: Buffer.alloc(5_000) });
    await expect(parseBytes(bare)).rejects.toMatchObject({ code: "document_corrupt" });
  });
});
