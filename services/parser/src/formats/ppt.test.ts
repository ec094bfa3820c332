import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { compound } from "../testing/office-files.js";

const u32 = (...values: number[]) => Buffer.concat(values.map((value) => Buffer.from(Uint32Array.of(value).buffer)));
const record = (type: number, data: Buffer, instance = 0, version = 0) => {
  const head = Buffer.alloc(8);
  head.writeUInt16LE((instance << 4) | version);
  head.writeUInt16LE(type, 2);
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data]);
};
const container = (type: number, parts: Buffer[], instance = 0) => record(type, Buffer.concat(parts), instance, 15);
const wide = (text: string) => record(0xfa0, Buffer.from(text, "utf16le"));
const narrow = (text: string) => record(0xfa8, Buffer.from(text, "latin1"));
const persist = (id: number) => record(0x3f3, u32(id, 0, 0, 0, 0));

function show({
  slides = [container(0x3ee, [narrow("shape")])],
  outline = [wide("Title\rone")],
  notes = [narrow("said")],
  cipher = 0,
  back = 0,
} = {}): Buffer {
  const document = container(0x3e8, [
    container(
      0xff0,
      slides.flatMap((_, index) => [persist(index + 2), ...(outline[index] ? [outline[index] as Buffer] : [])]),
    ),
    container(
      0xff0,
      notes.flatMap((each) => [persist(99), each]),
      2,
    ),
  ]);
  const records = [document, ...slides];
  const places = records.map((_, index) => 8 + records.slice(0, index).reduce((sum, each) => sum + each.length, 0));
  const at = 8 + Buffer.concat(records).length;
  const directory = record(0x1772, u32((records.length << 20) | 1, ...places));
  const edit = at + directory.length;
  const user = record(0xff5, u32(0, 0, back && edit, at, 1, 3, 0, cipher));
  const stream = Buffer.concat([Buffer.alloc(8), ...records, directory, user, Buffer.alloc(4_096)]);
  return compound({
    "PowerPoint Document": stream,
    "Current User": Buffer.concat([u32(0, 0, 0, 0, edit), Buffer.alloc(20)]),
  });
}

describe("PowerPoint 97–2003", () => {
  test("a slide is a page with its outline, its shapes and its notes", async () => {
    const { sections, pages } = await parseBytes(show());
    expect(sections.map(({ title, text }) => [title, text])).toEqual([["Title", "Title\none\nshape\n\nNotes: said"]]);
    expect(pages.map(({ kind }) => kind)).toEqual(["text"]);
  });

  test("locked ones, circles of saves and endless nesting have codes", async () => {
    await expect(parseBytes(show({ cipher: 5 }))).rejects.toMatchObject({ code: "document_encrypted" });
    await expect(parseBytes(show({ back: 1 }))).rejects.toMatchObject({ code: "document_corrupt" });
    let deep = container(0x3ee, []);
    for (let level = 0; level < 100; level += 1) deep = container(0x3ee, [deep]);
    await expect(parseBytes(show({ slides: [deep] }))).rejects.toMatchObject({ code: "limit_nesting" });
  });
});
