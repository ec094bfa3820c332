import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { htmlToText } from "./html.js";

describe("HTML", () => {
  test("headings begin sections; scripts and styles are gone", async () => {
    const page =
      "<html lang=de><head><title>Brief</title><style>p{}</style></head><body>Vorab<h1>Befund</h1><script>x()</script><p>gut</p><h2>Plan</h2>keiner</body>";
    const { sections, summary } = await parseBytes(page);
    expect(sections.map(({ level, title, text }) => [level, title, text])).toEqual([
      [1, null, "Vorab"],
      [1, "Befund", "Befund\n\ngut"],
      [2, "Plan", "Plan\n\nkeiner"],
    ]);
    expect(summary.header).toMatchObject({ title: "Brief", language: "de" });
  });

  test("the declared encoding is used, and UTF-8 where the declaration is wrong", async () => {
    const page = (word: string) => `<html><meta charset="iso-8859-7"><p>${word}`;
    expect((await parseBytes(Buffer.concat([Buffer.from(page("")), Buffer.from([0xe1, 0xe2])]))).text).toBe("αβ");
    expect((await parseBytes(page("αβγ"))).text).toBe("αβγ");
  });

  test.each([
    ["tables, a line a row", "<table><tr><th>Na<th>K<tr><td>140<td>4.1</table>", "Na | K\n140 | 4.1"],
    ["lines within a cell", "<table><tr><td>a<br>b<td>c</table>", "a; b | c"],
    [
      "tables for layout",
      `<table><tr><td><p>${"long ".repeat(150)}<p>two<td>menu</table>`,
      `${"long ".repeat(150).trim()}\n\ntwo\nmenu`,
    ],
    ["lists", "<ol><li>one<ul><li>inner</ul><li>two</ol>", "1. one\n  - inner\n2. two"],
    ["powers", "platelets 240 x 10<sup>9</sup>/l, m<sup>2</sup>", "platelets 240 x 10^9/l, m2"],
    ["struck words", "<del>aspirin</del> <b>clopidogrel</b>", "~~aspirin~~ clopidogrel"],
    [
      "forms",
      "<input type=checkbox checked>Smoker <select><option>no<option selected>20/day</select>",
      "[x] Smoker 20/day",
    ],
    ["preformatted text", "<pre>a   b\n c</pre>", "a   b\n c"],
    ["entities", "5 &lt; 7 &micro;g&nbsp;&amp; more", "5 < 7 µg & more"],
  ])("reads %s", (_what, source, text) => {
    expect(htmlToText(source)).toBe(text);
  });

  test("tables keep their cells, headings and title; what is laid out in a table is text", async () => {
    const page = `<h1>Labs</h1><p>Before
      <table><caption>Chemistry</caption><thead><tr><td>Test<td>Value</thead><tr><th>Na<td>140<br>mmol<tr><td>K<td>4.1</table>
      <table><tr><td>A letter <table><tr><td>x<td>y</table></table>
      <table><tr><th>one<th>two<tr><td><td>lone</table>after`;
    const { tables, text } = await parseBytes(`<html>${page}`);
    expect(text).toBe(
      "Labs\n\nBefore\n\nChemistry\nTest | Value\nNa | 140; mmol\nK | 4.1\n\nA letter\n\nx | y\n\none | two\nlone\n\nafter",
    );
    expect(
      tables.map(({ title, headerRows, section, rows }) => [title, headerRows, section, rows.map((row) => row.cells)]),
    ).toEqual([
      [
        "Chemistry",
        1,
        0,
        [
          ["Test", "Value"],
          ["Na", "140\nmmol"],
          ["K", "4.1"],
        ],
      ],
      [
        null,
        1,
        0,
        [
          ["one", "two"],
          ["", "lone"],
        ],
      ],
    ]);
  });

  test("a table without end is read whole, each part with its headings", async () => {
    const rows = Array.from({ length: 12_000 }, (_, index) => `<tr><td>row ${index}<td>${"cell ".repeat(8)}</tr>`);
    const { tables } = await parseBytes(`<html><table><tr><th>n<th>text</tr>${rows.join("")}</table>`);
    const all = tables.flatMap((table) => table.rows.slice(table.headerRows).map(({ cells }) => cells[0]));
    expect(all).toEqual(rows.map((_, index) => `row ${index}`));
    for (const { headerRows, rows } of tables) expect([headerRows, rows[0]?.cells]).toEqual([1, ["n", "text"]]);
  });

  test("without headings and very long is read whole", async () => {
    const rows = Array.from({ length: 30_000 }, (_, index) => `<p>paragraph ${index}</p>`);
    const { text } = await parseBytes(`<html>${rows.join("")}`);
    expect(text.match(/paragraph \d+/g)).toHaveLength(30_000);
  });
});
