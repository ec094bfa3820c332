import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { packed } from "../testing/office-files.js";

const kind = (name: string) => `application/vnd.oasis.opendocument.${name}`;
const file = (name: string, body: string, more: Record<string, string> = {}, styles = "") =>
  packed({
    mimetype: kind(name),
    "content.xml": `<office:document-content><office:automatic-styles>${styles}</office:automatic-styles><office:body>${body}</office:body></office:document-content>`,
    "META-INF/manifest.xml": "<manifest:manifest/>",
    ...more,
  });
const p = (text: string) => `<text:p>${text}</text:p>`;

describe("OpenDocument text", () => {
  test("headings, lists, tables and notes; deleted text is gone", async () => {
    const cell = (text: string) => `<table:table-cell>${p(text)}</table:table-cell>`;
    const body = `<office:text><text:tracked-changes><text:deletion>${p("old")}</text:deletion></text:tracked-changes>${p("before")}<text:h text:outline-level="2">Plan</text:h>${p(
      'a<text:s text:c="2"/>b<text:tab/>c<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>noted</text:p></text:note-body></text:note>',
    )}<text:list><text:list-item>${p("one")}</text:list-item></text:list><table:table><table:table-header-rows><table:table-row>${cell("Test")}${cell("Value")}</table:table-row></table:table-header-rows><table:table-row>${cell("Na")}${cell("140")}</table:table-row></table:table></office:text>`;
    const styles = `<office:document-styles><style:header>${p("MRN 7")}</style:header><style:footer-left>${p("foot")}</style:footer-left></office:document-styles>`;
    const { sections, tables } = await parseBytes(await file("text", body, { "styles.xml": styles }));
    expect(sections.map(({ level, title, text }) => [level, title, text])).toEqual([
      [1, null, "MRN 7"],
      [1, null, "before"],
      [2, "Plan", "Plan\n\na b\tc\n- one\nTest | Value\nNa | 140\n\nnoted"],
      [1, null, "foot"],
    ]);
    expect(tables).toMatchObject([{ headerRows: 1 }]);
  });

  test("struck text is marked as withdrawn, and raised digits are set off, by styles that styles inherit from", async () => {
    const style = (family: string, name: string, properties: string, parent = "") =>
      `<style:style style:family="${family}" style:name="${name}" style:parent-style-name="${parent}"><style:text-properties ${properties}/></style:style>`;
    const line = (kind: string) => `style:text-line-through-style="${kind}"`;
    const styles = `${style("text", "Gone", line("solid"))}${style("text", "T1", "", "Gone")}${style("text", "T2", 'style:text-position="super 58%"')}${style("text", "T3", 'style:text-position="sub 58%"')}${style("text", "T4", line("none"))}${style("paragraph", "P1", line("solid"))}`;
    const span = (name: string, text: string) => `<text:span text:style-name="${name}">${text}</text:span>`;
    const said = `${p(`take ${span("T1", "5 mg")} 10 mg`)}${p(`10${span("T2", "3")}/l H${span("T3", "2")}O`)}<text:p text:style-name="P1">old ${span("T4", "new")}</text:p>`;
    const written = await parseBytes(await file("text", `<office:text>${said}</office:text>`, {}, styles));
    expect(written.text).toBe("take ~~5 mg~~ 10 mg\n10^3/l H2O\n~~old~~ new");
    const cell = (text: string, more = "") => `<table:table-cell ${more}>${p(text)}</table:table-cell>`;
    const rows = `<table:table table:name="S"><table:table-row>${cell(`10${span("T2", "3")}/l`)}${cell(span("T1", "5 mg"))}${cell("gone", 'table:style-name="C1"')}${cell("stays")}</table:table-row></table:table>`;
    const cells = styles + style("table-cell", "C1", line("solid"));
    const sheet = await parseBytes(
      await file("spreadsheet", `<office:spreadsheet>${rows}</office:spreadsheet>`, {}, cells),
    );
    expect(sheet.tables[0]?.rows[0]?.cells).toEqual(["10^3/l", "~~5 mg~~", "~~gone~~", "stays"]);
  });

  test("numbered lists have their numbers, and go on where they say so", async () => {
    const number = (level: number, format: string, more = "") =>
      `<text:list-level-style-number text:level="${level}" style:num-format="${format}" style:num-suffix="." ${more}/>`;
    const styles = `<text:list-style style:name="L">${number(1, "1")}${number(2, "a", 'text:display-levels="2"')}</text:list-style>`;
    const list = (items: string, more = "") => `<text:list text:style-name="L" ${more}>${items}</text:list>`;
    const item = (text: string, inner = "") => `<text:list-item>${p(text)}${inner}</text:list-item>`;
    const nested = `<text:list>${item("in")}${item("ner")}</text:list>`;
    const body = `<office:text>${list(item("one") + item("two", nested))}${list(item("three"), 'text:continue-numbering="true"')}${list(item("anew"))}</office:text>`;
    const { text } = await parseBytes(await file("text", body, {}, styles));
    expect(text).toBe("1. one\n2. two\n  2.a. in\n  2.b. ner\n3. three\n1. anew");
  });

  test("a presentation has a page for each slide", async () => {
    const body = `<office:presentation><draw:page><draw:frame>${p("one")}</draw:frame><presentation:notes>${p("said")}</presentation:notes></draw:page><draw:page/></office:presentation>`;
    const { pages, text } = await parseBytes(await file("presentation", body));
    expect(pages.map((page) => page.kind)).toEqual(["text", "blank"]);
    expect(text).toBe("one\n\nsaid");
  });

  test("a locked one says so", async () => {
    const locked = {
      "META-INF/manifest.xml": "<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>",
    };
    await expect(parseBytes(await file("text", "<x/>", locked))).rejects.toMatchObject({ code: "document_encrypted" });
    await expect(parseBytes(await file("spreadsheet", "<x/>", locked))).rejects.toMatchObject({
      code: "document_encrypted",
    });
  });
});

describe("OpenDocument spreadsheet", () => {
  const cell = (text: string, attributes = "") =>
    `<table:table-cell ${attributes}>${text && p(text)}</table:table-cell>`;
  const row = (cells: string, attributes = "") => `<table:table-row ${attributes}>${cells}</table:table-row>`;

  test("a sheet is a section; dates are dates, hidden sheets are said", async () => {
    const one =
      row(cell("Test") + cell("On")) +
      row(cell("Na") + cell("1. 3. 24", 'office:value-type="date" office:date-value="2024-03-01T00:00:00"'));
    const styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>';
    const body = `<office:spreadsheet><table:table table:name="A">${one}</table:table><table:table table:name="B" table:style-name="h">${row(cell("x"))}</table:table></office:spreadsheet>`;
    const { text, tables, summary } = await parseBytes(await file("spreadsheet", body, {}, styles));
    expect(text).toBe("A\nTest | On\nNa | 2024-03-01\n\nB\nx");
    expect(tables.map(({ headerRows }) => headerRows)).toEqual([1, 0]);
    expect(summary).toMatchObject({ format: "opendocument", warnings: [{ code: "sheet_hidden" }] });
  });

  test("what is repeated a million times is bounded", async () => {
    const million = 'table:number-rows-repeated="1048576"';
    const body = `<office:spreadsheet><table:table table:name="A">${row(cell("x", 'table:number-columns-repeated="16384"'), million)}${row(cell("", 'table:number-columns-repeated="16384"'), million)}</table:table></office:spreadsheet>`;
    const { tables, summary } = await parseBytes(await file("spreadsheet", body));
    expect(tables[0]?.rows.length).toBeLessThan(100);
    expect(summary.warnings).toEqual([{ code: "sheet_sparse" }]);
  });
});
