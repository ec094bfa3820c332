import { describe, expect, test } from "@jest/globals";
import { maxSectionLength, type PatientIdentity } from "@sluice/contracts";
import { defaultLimits, type Limits } from "../formats/format.js";
import { collector } from "../testing/collect.js";
import { OutputWriter } from "./output-writer.js";

function newWriter(limits: Partial<Limits> = {}) {
  const { rows, children, sink } = collector();
  const text = () => rows.sections.map((section) => section.text).join("\n\n");
  return { writer: new OutputWriter(sink, { ...defaultLimits, ...limits }), ...rows, children, text };
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
    writer.header({ title: dirty });
    writer.patient({ identifiers: [], names: [dirty], birthDate: null, sex: null });
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
      "limit_members",
    ],
  ])("stops at too many or too much: %s", async (_what, limits, act, code) => {
    await expect(act(newWriter(limits).writer)).rejects.toMatchObject({ code });
  });

  describe("in flow", () => {
    test("blocks stand as far apart as is said, and each knows its place", async () => {
      const { writer, sections, text } = newWriter();
      await writer.section({ text: "before" });
      await writer.begin({ title: "Plan" });
      const first = await writer.text("  \nfirst\n\n");
      const second = await writer.text("second", "\n\n");
      const third = await writer.text("third", " ");
      await writer.finish();
      expect(sections.map((section) => section.text)).toEqual(["before", "first\n\nsecond third"]);
      const told = [first, second, third].map(({ start, end }) => text().slice(start, end));
      expect(told).toEqual(["first", "second", "third"]);
    });

    test("a part of a text is found where it came to stand, after cleaning and cutting", async () => {
      const { writer, text } = newWriter();
      const given = `\n\n a\0 ${"word ".repeat(8_000)}here ${"word ".repeat(8_000)}end`;
      const placed = await writer.text(given);
      await writer.finish();
      for (const word of ["a\0 word", "here", "end"]) {
        const at = given.indexOf(word);
        const { start, end } = placed.at(at, at + word.length);
        expect(text().slice(start, end)).toBe(word.replace("\0", ""));
      }
    });

    test("a table is a line a row, its cells beside it", async () => {
      const { writer, tables, text } = newWriter();
      await writer.begin({ title: "Results" });
      await writer.text("Results");
      const table = await writer.table({
        title: "Chemistry",
        headerRows: 1,
        rows: [
          ["Test", "Value"],
          ["Na", " 140\nmmol/l "],
          ["", ""],
          ["", "lone"],
          ["K", "", "low"],
        ],
      });
      await writer.finish();
      expect(text()).toBe("Results\nChemistry\nTest | Value\nNa | 140; mmol/l\nlone\nK |  | low");
      expect(text().slice(table.start, table.end)).toBe(text().slice("Results\n".length));
      const [only] = tables;
      expect(only).toMatchObject({ ordinal: 0, section: 0, title: "Chemistry", headerRows: 1, pageFrom: null });
      expect(only?.rows.map(({ cells, start, end }) => [cells[0], text().slice(start, end)])).toEqual([
        ["Test", "Test | Value"],
        ["Na", "Na | 140; mmol/l"],
        ["", "lone"],
        ["K", "K |  | low"],
      ]);
      expect(table.row(2)).toBeNull();
      const { start = 0, end = 0 } = table.row(4) ?? {};
      expect(text().slice(start, end)).toBe("K |  | low");
    });

    test("a long table comes in parts that have its title and headings", async () => {
      const { writer, tables, text } = newWriter();
      async function* rows() {
        yield ["n", "square"];
        for (let n = 0; n < 1_000; n += 1) yield [String(n), String(n * n)];
      }
      await writer.table({ title: "Squares", headerRows: 1, rows: rows() });
      await writer.table({ continues: true, rows: [["1000", "1000000"]] });
      await writer.finish();
      expect(tables.length).toBeGreaterThan(4);
      for (const { title, headerRows, rows } of tables) {
        expect([title, headerRows, rows[0]?.cells]).toEqual(["Squares", 1, ["n", "square"]]);
      }
      const all = tables.flatMap(({ rows }) => rows.slice(1).map(({ cells }) => Number(cells[0])));
      expect(all).toEqual(Array.from({ length: 1_001 }, (_, n) => n));
      expect(text().match(/n \| square/g)).toHaveLength(1);
    });

    test("a section may span pages, and the pages know what of it is theirs", async () => {
      const { writer, sections, pages, tables, text } = newWriter();
      await writer.page("text");
      await writer.begin({ title: "Course" });
      await writer.text("one");
      await writer.page("text");
      await writer.text("two");
      await writer.table({ rows: [["a", "b"]] });
      await writer.page("blank");
      await writer.finish();
      expect(sections).toMatchObject([{ pageFrom: 1, pageTo: 2, text: "one\ntwo\na | b" }]);
      expect(tables).toMatchObject([{ pageFrom: 2, pageTo: 2 }]);
      expect(pages.map(({ kind, start, end }) => [kind, text().slice(start, end)])).toEqual([
        ["text", "one"],
        ["text", "two\na | b"],
        ["blank", ""],
      ]);
    });

    test("a recognised page has its lines with their confidence, found again in the text", async () => {
      const { writer, pages, text } = newWriter();
      const lines = [
        { text: "Pain in knee", confidence: 0.9 },
        { text: "Pain", confidence: 0.4 },
      ];
      await writer.page("ocr", { confidence: 0.7, rotation: 90, lines });
      await writer.section({ text: "Pain in knee\n\nPain" });
      await writer.finish();
      expect(pages).toMatchObject([{ kind: "ocr", confidence: 0.7, rotation: 90 }]);
      expect(pages[0]?.lines?.map(([start, end, sure]) => [text().slice(start, end), start, sure])).toEqual([
        ["Pain in knee", 0, 0.9],
        ["Pain", 14, 0.4],
      ]);
    });

    test("a fact has its evidence and whom it is about", async () => {
      const { writer, facts, text } = newWriter();
      const patient = writer.patient(person("7", "Ann Lee"));
      const { start, end } = await writer.text("Na 140 mmol/l");
      await writer.fact({
        kind: "result",
        text: "Sodium\0",
        value: "140",
        source: "OBX[1]",
        patient,
        evidence: { start, end },
      });
      await writer.fact({ kind: "problem", text: " ", source: "DG1[1]" });
      const { counts } = await writer.finish();
      expect(counts.facts).toBe(1);
      expect(facts).toMatchObject([{ ordinal: 0, text: "Sodium", value: "140", unit: null, codes: [], patient: 0 }]);
      expect(text().slice(facts[0]?.evidence?.start, facts[0]?.evidence?.end)).toBe("Na 140 mmol/l");
    });
  });

  test("pages that the source announces and does not have are missed", async () => {
    const { writer } = newWriter();
    writer.pages(3);
    await writer.page("blank");
    expect((await writer.finish()).warnings).toEqual([{ code: "pages_missing" }]);
  });

  test("one kind of warning does not drown another", async () => {
    const { writer } = newWriter();
    for (let page = 1; page <= 400; page += 1) writer.warn("page_needs_ocr", page);
    for (let page = 1; page <= 3; page += 1) writer.warn("page_unreadable", 7);
    const { warnings } = await writer.finish();
    expect(warnings.filter(({ code, page }) => code === "page_needs_ocr" && page)).toHaveLength(50);
    expect(warnings.slice(50)).toEqual([
      { code: "page_needs_ocr", count: 400 },
      { code: "page_unreadable", page: 7 },
    ]);
  });

  test("two children never have one path", async () => {
    const { writer, children } = newWriter();
    const long = "x".repeat(2_000);
    for (const path of ["a", "a", "a#2", "a", `${long}1`, `${long}2`]) {
      await writer.child({ path, fileName: null, declaredType: null, bytes: new Uint8Array(1) });
    }
    const paths = children.map(({ path }) => path);
    expect(paths.slice(0, 3)).toEqual(["a", "a#2", "a#2#2"]);
    expect(new Set(paths).size).toBe(6);
    expect(paths.every((path) => path.length <= 1_024)).toBe(true);
  });

  test("a child's bytes count while they come", async () => {
    const { writer } = newWriter({ maxExpandedBytes: 100 });
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 10;
        yield new Uint8Array(10);
      }
    }
    const child = { path: "a", fileName: null, declaredType: null, bytes: endless() };
    await expect(writer.child(child)).rejects.toMatchObject({ code: "limit_expanded_size" });
    expect(given).toBe(110);
  });

  describe("whom a document is about", () => {
    const warnings = async (...people: PatientIdentity[]) => {
      const { writer } = newWriter();
      const places = people.map((each) => writer.patient(each));
      const { header, warnings } = await writer.finish();
      return { places, count: header.patients.length, codes: warnings.map(({ code }) => code) };
    };

    test.each([
      ["one number and another spelling", [person("7", "Ann Lee"), person("7", "LEE, ANN")], 1, []],
      ["one number and another name", [person("7", "Ann Lee"), person("7", "Ann Smith")], 1, []],
      [
        "one number and another birth date",
        [person("7", "Ann Lee"), person("7", "Ann Lee", "1950")],
        1,
        ["identity_conflict"],
      ],
      ["a birth date that is more exact", [person("7", "Ann Lee", "1949"), person("7", "Ann Lee")], 1, []],
      ["two people", [person("7", "Ann Lee"), person("8", "Bob Ray", "1960")], 2, ["identity_conflict"]],
      ["two people of one name", [person("7", "Ann Lee"), person("8", "Ann Lee")], 2, ["identity_conflict"]],
      ["one person in two places", [person("7", "Ann Lee"), person("8", "Ann Lee", "1949-01-02", "LAB")], 1, []],
      ["a name without a number", [person("7", "Ann Lee"), { ...person("", "Lee Ann"), identifiers: [] }], 1, []],
    ])("%s", async (_what, people, count, codes) => {
      expect(await warnings(...people)).toMatchObject({ count, codes });
    });

    test("nobody is nobody", async () => {
      expect((await warnings({ identifiers: [], names: [], birthDate: null, sex: "female" })).places).toEqual([null]);
    });
  });
});

function person(value: string, name: string, birthDate = "1949-01-02", authority = "MRN"): PatientIdentity {
  return { identifiers: [{ authority, value }], names: [name], birthDate, sex: null };
}
