import { expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

test("headings begin sections, both kinds, but not in code", async () => {
  const source = "before\n\n# One ##\ntext\n```\n# not a heading\n```\n## Two\n\nThree\n=====\nlast\n\n| a |\n|---|\n";
  const { sections } = await parseBytes(source, "text/markdown");
  expect(sections.map(({ level, title, text }) => [level, title, text])).toEqual([
    [1, null, "before"],
    [1, "One", "# One ##\ntext\n```\n# not a heading\n```"],
    [2, "Two", "## Two"],
    [1, "Three", "Three\n=====\nlast\n\n| a |\n|---|"],
  ]);
});

test("tables have cells and heading rows, and stay as they were written", async () => {
  const table = "| Drug | Dose |\n|:-----|-----:|\n| A \\| B | 5 mg |\n| C | |";
  const { tables, text } = await parseBytes(`Before.\n\n${table}\n\nAfter.`, "text/markdown");
  expect(text).toBe(`Before.\n\n${table}\n\nAfter.`);
  expect(tables.map(({ headerRows, rows }) => [headerRows, rows.map(({ cells }) => cells)])).toEqual([
    [
      1,
      [
        ["Drug", "Dose"],
        ["A | B", "5 mg"],
        ["C", ""],
      ],
    ],
  ]);
});
