import { describe, expect, test } from "@jest/globals";
import { maxSectionLength, type Page, type Section } from "@sluice/contracts";
import { defaultLimits, type Limits } from "./format.js";
import { OutputWriter } from "./output-writer.js";

function newWriter(limits: Partial<Limits> = {}) {
  const [sections, pages]: [Section[], Page[]] = [[], []];
  const sink = {
    section: async (section: Section) => void sections.push(section),
    page: async (page: Page) => void pages.push(page),
    child: async () => {},
  };
  return { writer: new OutputWriter(sink, { ...defaultLimits, ...limits }), sections, pages };
}

describe("the writer", () => {
  test("counts offsets in UTF-16 over the texts joined by a blank line", async () => {
    const { writer, sections } = newWriter();
    await writer.section({ text: "𝒳-ray" });
    await writer.section({ text: "  \n " });
    await writer.section({ text: "second", level: 40, title: " T " });
    expect(sections.map(({ ordinal, start, text }) => [ordinal, start, text])).toEqual([
      [0, 0, "𝒳-ray"],
      [1, 8, "second"],
    ]);
    expect(sections[1]).toMatchObject({ level: 12, title: "T" });
    expect((await writer.finish()).length).toBe(14);
  });

  test("gives each page the range of its sections, and an empty one to a page without text", async () => {
    const { writer, pages, sections } = newWriter();
    await writer.page("text");
    await writer.section({ text: "one" });
    await writer.page("image");
    await writer.page("text");
    await writer.section({ text: "three" });
    await writer.finish();
    expect(pages.map(({ number, kind, start, end }) => [number, kind, start, end])).toEqual([
      [1, "text", 0, 3],
      [2, "image", 3, 3],
      [3, "text", 5, 10],
    ]);
    expect(sections.map((section) => section.pageFrom)).toEqual([1, 3]);
  });

  test("never lets a NUL or half a surrogate pair out, in no string", async () => {
    const { writer, sections } = newWriter();
    const dirty = "a\0b\ud800c\udc00d";
    await writer.section({ text: dirty, title: dirty, code: { system: dirty, code: dirty } });
    writer.header({ title: dirty, patient: { identifiers: [], names: [dirty], birthDate: null, sex: null } });
    const { header } = await writer.finish();
    const all = JSON.stringify([sections, header]);
    expect(all).not.toMatch(/\\u0000|\\ud800|\\udc00/);
    expect(sections[0]?.text).toBe("ab\ufffdc\ufffdd");
  });

  test("cuts long sections at paragraphs, or anywhere but inside a surrogate pair", async () => {
    const { writer, sections } = newWriter();
    await writer.section({ text: `${"word ".repeat(5_000)}\n\n${"more ".repeat(5_000)}`, title: "Long" });
    await writer.section({ text: `x${"😀".repeat(maxSectionLength)}` });
    expect(sections.every((section) => section.text.length <= maxSectionLength)).toBe(true);
    expect(sections.slice(0, 2).map((section) => [section.title, section.text.slice(0, 4)])).toEqual([
      ["Long", "word"],
      ["Long", "more"],
    ]);
    const emoji = sections.slice(2).map((section) => section.text);
    expect(emoji.join("")).toBe(`x${"😀".repeat(maxSectionLength)}`);
    expect(emoji.some((text) => /\p{Surrogate}/u.test(text))).toBe(false);
  });

  test.each([
    [
      "pages",
      { maxPages: 1 },
      (writer: OutputWriter) => writer.page("blank").then(() => writer.page("blank")),
      "limit_pages",
    ],
    [
      "text",
      { maxExpandedBytes: 10 },
      (writer: OutputWriter) => writer.section({ text: "elf Zeichen" }),
      "limit_expanded_size",
    ],
    [
      "children",
      { maxChildren: 0 },
      (writer: OutputWriter) =>
        writer.child({ path: "a", fileName: null, declaredType: null, bytes: new Uint8Array(1) }),
      "limit_expanded_size",
    ],
  ])("stops at too many or too much: %s", async (_what, limits, act, code) => {
    await expect(act(newWriter(limits).writer)).rejects.toMatchObject({ code });
  });
});
