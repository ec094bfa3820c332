import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { compound } from "../testing/office-files.js";

const u16 = (...values: number[]) => Buffer.concat(values.map((value) => Buffer.from([value & 255, value >> 8])));
const double = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const record = (type: number, ...data: Buffer[]) => {
  const all = Buffer.concat(data);
  return Buffer.concat([u16(type, all.length), all]);
};
const begin = record(0x809, u16(0x600, 5, 0, 0));
const end = record(0x0a);
const wide = (text: string) => Buffer.concat([u16(text.length), Buffer.from([1]), Buffer.from(text, "utf16le")]);

/** A workbook whose sheets hold these records. */
function book(globals: Buffer[], sheets: { name: string; hidden?: number; records: Buffer[] }[]): Buffer {
  const place = (at: number, { name, hidden = 0 }: { name: string; hidden?: number }) =>
    record(0x85, u16(at & 0xffff, at >>> 16), Buffer.from([hidden, 0, name.length, 0]), Buffer.from(name, "latin1"));
  const head = (places: number[]) =>
    Buffer.concat([begin, ...globals, ...sheets.map((sheet, index) => place(places[index] ?? 0, sheet)), end]);
  const streams = sheets.map(({ records }) => Buffer.concat([begin, ...records, end]));
  let at = head([]).length;
  const places = streams.map((stream) => {
    at += stream.length;
    return at - stream.length;
  });
  return compound({ Workbook: Buffer.concat([head(places), ...streams, Buffer.alloc(4_096)]) });
}

const styles = [
  record(0x41e, u16(164), wide("dd/mm/yyyy")),
  record(0xe0, u16(0, 0), Buffer.alloc(16)),
  record(0xe0, u16(0, 164), Buffer.alloc(16)),
];

describe("Excel 97–2003", () => {
  test("numbers, strings that go on in the next record, dates, formulas by their values", async () => {
    const strings = Buffer.concat([
      u16(2, 0, 2, 0),
      wide("Test"),
      u16(7),
      Buffer.from([0]),
      Buffer.from("Natr", "latin1"),
    ]);
    const shared = Buffer.concat([
      record(0xfc, strings),
      record(0x3c, Buffer.from([1]), Buffer.from("ium", "utf16le")),
    ]);
    const records = [
      record(0xfd, u16(0, 0, 0, 0, 0)),
      record(0x204, u16(0, 1, 0), wide("Value")),
      record(0xfd, u16(1, 0, 0, 1, 0)),
      record(0x203, u16(1, 1, 0), double(140.5)),
      record(0xbd, u16(2, 0, 1), u32(45_352 * 4 + 2), u16(0), u32(14_000 * 4 + 3), u16(1)),
      record(0x06, u16(3, 0, 0), Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff]), Buffer.alloc(8)),
      record(0x207, wide("sum")),
      record(0x06, u16(3, 1, 0), double(7), Buffer.alloc(8)),
      record(0x205, u16(3, 2, 0), Buffer.from([0x2a, 1])),
    ];
    const { text, tables } = await parseBytes(book([...styles, shared], [{ name: "Labs", records }]));
    expect(tables[0]?.rows.map(({ cells }) => cells)).toEqual([
      ["Test", "Value"],
      ["Natrium", "140.5"],
      ["2024-03-01", "140"],
      ["sum", "7", "#N/A"],
    ]);
    expect([text.split("\n")[0], tables[0]?.headerRows]).toEqual(["Labs", 1]);
  });

  test("cells that are struck through are marked as withdrawn", async () => {
    const font = (flags: number) => record(0x31, u16(200, flags), Buffer.alloc(12));
    // Number 5 is the fifth: there is none of number 4.
    const fonts = [font(0), font(8), font(0), font(0), font(8)];
    const plain = [0, 1, 5].map((each) => record(0xe0, u16(each, 0), Buffer.alloc(16)));
    const cells = [0, 1, 2].map((style) => record(0x204, u16(0, style, style), wide("Penicillin")));
    const number = record(0x203, u16(1, 0, 1), double(4.5));
    const { tables } = await parseBytes(book([...fonts, ...plain], [{ name: "S", records: [...cells, number] }]));
    const rows = tables.flatMap((table) => table.rows.map((row) => row.cells));
    expect(rows).toEqual([["Penicillin", "~~Penicillin~~", "~~Penicillin~~"], ["~~4.5~~"]]);
  });

  test("pictures, which may be scans, are handed on once; ornaments are counted", async () => {
    const picture = (length: number) =>
      Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(length, 7)]);
    const drawn = (bytes: Buffer) =>
      Buffer.concat([u16(0x6e00, 0xf01e), u32(bytes.length + 17), Buffer.alloc(17, 1), bytes]);
    const [scan, ornament] = [picture(9_000), picture(90)];
    const all = Buffer.concat([drawn(scan), drawn(ornament), drawn(scan)]);
    // Records hold no more than so much.
    const group = [record(0xeb, all.subarray(0, 8_224)), record(0x3c, all.subarray(8_224))];
    const cell = record(0x204, u16(0, 0, 0), wide("x"));
    const { children, summary } = await parseBytes(book(group, [{ name: "S", records: [cell] }]));
    expect(children.map(({ path, bytes }) => [path, bytes.equals(scan)])).toEqual([["picture[0]", true]]);
    expect(summary.warnings).toEqual([{ code: "inline_picture_skipped" }]);
  });

  test("hidden sheets are said, locked books too; no sheets, no records and cut streams have codes", async () => {
    const cell = record(0x204, u16(0, 0, 0), wide("x"));
    const { summary } = await parseBytes(book([], [{ name: "S", hidden: 1, records: [cell] }]));
    expect(summary.warnings).toEqual([{ code: "sheet_hidden" }]);
    await expect(parseBytes(book([record(0x2f, u16(0))], []))).rejects.toMatchObject({ code: "document_encrypted" });
    await expect(parseBytes(book([], []))).rejects.toMatchObject({ code: "document_corrupt" });
    await expect(parseBytes(book([], [{ name: "S", records: [] }]))).rejects.toMatchObject({ code: "document_empty" });
  });
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
