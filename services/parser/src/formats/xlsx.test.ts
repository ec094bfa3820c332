import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { packed, relationships } from "../testing/office-files.js";

interface Given {
  sheets?: { name: string; state?: string; xml: string }[];
  strings?: string[];
  styles?: string;
  more?: Record<string, string | Buffer>;
}

function book({ sheets = [], strings = [], styles = "", more = {} }: Given): Promise<Buffer> {
  const list = sheets.map(
    ({ name, state = "visible" }, index) =>
      `<sheet name="${name}" sheetId="${index}" state="${state}" r:id="s${index}"/>`,
  );
  const targets = sheets.map((_, index) => [`s${index}`, ["worksheet", `worksheets/sheet${index}.xml`]] as const);
  return packed({
    "xl/workbook.xml": `<workbook><sheets>${list.join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relationships({
      ...Object.fromEntries(targets.map(([id, [type, target]]) => [id, [type, target] as [string, string]])),
      str: ["sharedStrings", "sharedStrings.xml"],
      sty: ["styles", "/xl/styles.xml"],
    }),
    "xl/sharedStrings.xml": `<sst>${strings.map((each) => `<si>${each}</si>`).join("")}</sst>`,
    "xl/styles.xml": `<styleSheet>${styles}</styleSheet>`,
    ...Object.fromEntries(
      sheets.map(({ xml }, index) => [`xl/worksheets/sheet${index}.xml`, `<worksheet>${xml}</worksheet>`]),
    ),
    ...more,
  });
}

const data = (rows: string) => `<sheetData>${rows}</sheetData>`;
const styles =
  '<numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="000000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="22"/><xf numFmtId="10"/><xf numFmtId="2"/></cellXfs>';

describe("Excel", () => {
  test("a formula that nobody has worked out is shown as it is, and warned of; one that comes to nothing is not", async () => {
    const cells = '<c r="A1" t="inlineStr"><is><t>Dose</t></is></c><c r="B1"><f>SUM(A2:A3)</f></c>';
    const empty = '<c r="C1" t="str"><f>IF(A2,1,"")</f><v></v></c><c r="D1"><f>A1</f><v>5</v></c>';
    const { text, summary } = await parseBytes(
      await book({ sheets: [{ name: "S", xml: data(`<row r="1">${cells}${empty}</row>`) }] }),
    );
    expect(text).toBe("S\nDose | =SUM(A2:A3) |  | 5");
    expect(summary.warnings).toEqual([{ code: "formula_without_value" }]);
  });

  test("struck cells and runs are marked as withdrawn, and raised digits are set off", async () => {
    const runs =
      '<r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>3</t></r><r><t xml:space="preserve">/l </t></r><r><rPr><strike/></rPr><t>5 mg</t></r>';
    const xml = data(
      `<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is>${runs}</is></c><c r="C1" s="1"><v>140</v></c><c r="D1" s="0"><v>7</v></c></row>`,
    );
    const own =
      '<fonts><font/><font><strike/></font></fonts><cellXfs><xf numFmtId="0" fontId="0"/><xf numFmtId="0" fontId="1"/></cellXfs>';
    const { tables } = await parseBytes(await book({ sheets: [{ name: "S", xml }], strings: [runs], styles: own }));
    expect(tables[0]?.rows[0]?.cells).toEqual(["10^3/l ~~5 mg~~", "10^3/l ~~5 mg~~", "~~140~~", "7"]);
  });

  test("a sheet is a section with a table; columns are named over values", async () => {
    const xml = data(
      '<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Value</t></is></c></row><row><c r="A2" t="s"><v>1</v></c><c r="B2"><f>1/0</f><v>140</v></c></row>',
    );
    const { sections, tables, text } = await parseBytes(
      await book({
        sheets: [{ name: "Labs", xml }],
        strings: ["<t>Test</t>", "<r><t>N</t></r><r><t>a</t></r><rPh><t>x</t></rPh>"],
      }),
    );
    expect(text).toBe("Labs\nTest | Value\nNa | 140");
    expect(sections.map(({ title }) => title)).toEqual(["Labs"]);
    expect(tables.map(({ headerRows, rows }) => [headerRows, rows.map(({ cells }) => cells)])).toEqual([
      [
        1,
        [
          ["Test", "Value"],
          ["Na", "140"],
        ],
      ],
    ]);
  });

  test("dates, leading zeros, percent and decimals are as they are shown; errors and truth have words", async () => {
    const cells = [
      '<c s="1"><v>45352</v></c>',
      '<c s="2"><v>1234</v></c>',
      '<c s="3"><v>45352.5</v></c>',
      '<c s="4"><v>0.125</v></c>',
      '<c s="5"><v>7</v></c>',
      "<c><v>0.30000000000000004</v></c>",
      '<c t="b"><v>1</v></c>',
      '<c t="e"><v>#N/A</v></c>',
      '<c t="str"><v>a_x000D_b</v></c>',
    ];
    const { tables } = await parseBytes(
      await book({ sheets: [{ name: "S", xml: data(`<row>${cells.join("")}</row>`) }], styles }),
    );
    expect(tables[0]?.rows[0]?.cells).toEqual([
      "2024-03-01",
      "001234",
      "2024-03-01 12:00",
      "12.5%",
      "7.00",
      "0.3",
      "TRUE",
      "#N/A",
      "a\rb",
    ]);
  });

  test("hidden sheets are read and said, empty ones leave nothing; headers, remarks and files within are kept", async () => {
    const one = '<c t="str"><v>x</v></c>';
    const file = await book({
      sheets: [
        {
          name: "Open",
          xml: `${data(`<row>${one}</row>`)}<headerFooter><oddHeader>&amp;L&amp;"Arial"&amp;10Ward 7&amp;P</oddHeader></headerFooter>`,
        },
        { name: "Secret", state: "veryHidden", xml: data(`<row>${one}</row>`) },
        { name: "Empty", xml: data("") },
      ],
      more: {
        "xl/worksheets/_rels/sheet0.xml.rels": relationships({ c: ["comments", "../comments1.xml"] }),
        "xl/comments1.xml":
          "<comments><commentList><comment><text><r><t>a remark</t></r></text></comment></commentList></comments>",
        "xl/embeddings/report.pdf": Buffer.from("%PDF-1.4"),
      },
    });
    const { sections, children, summary } = await parseBytes(file);
    expect(sections.map(({ text }) => text)).toEqual(["Open\nx\n\nWard 7\n\na remark", "Secret\nx"]);
    expect(children.map(({ fileName }) => fileName)).toEqual(["report.pdf"]);
    expect(summary.warnings).toEqual([{ code: "sheet_hidden" }]);
  });

  test("cells far out cost nothing, cells beyond any sheet are damage, repeated strings count", async () => {
    const far =
      '<row><c r="A1" t="str"><v>a</v></c><c r="XFD1" t="str"><v>b</v></c></row><row r="1048576"><c r="B1048576" t="str"><v>c</v></c></row>';
    const { tables, summary } = await parseBytes(await book({ sheets: [{ name: "S", xml: data(far) }] }));
    expect(tables[0]?.rows.map(({ cells }) => cells.filter(Boolean))).toEqual([["a", "b"], ["c"]]);
    expect(tables[0]?.rows[0]?.cells.length).toBeLessThan(100);
    expect(summary.warnings).toEqual([{ code: "sheet_sparse" }]);
    const beyond = await book({ sheets: [{ name: "S", xml: data('<row><c r="ZZZ1" t="str"><v>a</v></c></row>') }] });
    await expect(parseBytes(beyond)).rejects.toMatchObject({ code: "document_corrupt" });
    const bomb = await book({
      sheets: [{ name: "S", xml: data('<row><c t="s"><v>0</v></c></row>'.repeat(2_000)) }],
      strings: [`<t>${"x".repeat(10_000)}</t>`],
    });
    await expect(parseBytes(bomb, null, { maxExpandedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "limit_expanded_size",
    });
  });

  test("declared entities, cut parts and depth have codes", async () => {
    const of = async (xml: string) => parseBytes(await packed({ "xl/workbook.xml": xml }), null);
    await expect(of('<!DOCTYPE a [<!ENTITY x "y">]><workbook>&x;</workbook>')).rejects.toMatchObject({
      code: "document_corrupt",
    });
    await expect(of("<workbook><sheets>")).rejects.toMatchObject({ code: "document_corrupt" });
    await expect(of(`${"<a>".repeat(300)}${"</a>".repeat(300)}`)).rejects.toMatchObject({ code: "limit_nesting" });
  });
});
