import { expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

test("headings begin sections, both kinds, but not in code", async () => {
  const source = "before\n\n# One ##\ntext\n```\n# not a heading\n```\n## Two\n\nThree\n=====\nlast\n\n| a |\n|---|\n";
  const { sections } = await parseBytes(source, "text/markdown");
  expect(sections.map(({ level, title, text }) => [level, title, text])).toEqual([
    [1, null, "before"],
    [1, "One", "One\ntext\n```\n# not a heading\n```"],
    [2, "Two", "Two"],
    [1, "Three", "Three\nlast\n\n| a |\n|---|"],
  ]);
});
