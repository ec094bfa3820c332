import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const cellsOf = async (content: string, declared: string | null = "text/csv") =>
  (await parseBytes(content, declared)).tables.flatMap(({ headerRows, rows }) => [
    headerRows,
    ...rows.map(({ cells }) => cells),
  ]);

describe("delimited text", () => {
  test("stays as it was written, with its cells beside it", async () => {
    const content = 'Name,Value\n"Na, serum","14""0"\n"two\nlines",5';
    expect((await parseBytes(content, "text/csv")).text).toBe(content);
    expect(await cellsOf(content)).toEqual([0, ["Name", "Value"], ["Na, serum", '14"0'], ["two\nlines", "5"]]);
  });

  test.each([
    ["semicolons", "Test;Value\nNa;140,5\nK;4,1"],
    ["tabs", "Test\tValue\nNa\t140,5\nK\t4,1"],
    ["bars", "Test|Value\nNa|140,5\nK|4,1"],
    ["what it names itself", "sep=;\nTest;Value\nNa;140,5\nK;4,1"],
  ])("is parted by %s", async (_what, content) => {
    expect(await cellsOf(content)).toEqual([1, ["Test", "Value"], ["Na", "140,5"], ["K", "4,1"]]);
  });

  test("is recognised undeclared when every line has as many cells, and prose is not", async () => {
    const format = async (content: string) => (await parseBytes(content)).summary.format;
    expect(await format("a\tb\tc\n1\t2\t3\n4\t5\t6\n7\t8\t9\n")).toBe("csv");
    expect(
      await format("Seen today, well, no pain\nBP 120, pulse 60, temp 37\nPlan rest, fluids, review\nBye, all, now\n"),
    ).toBe("text");
    expect(await format("one\ttwo\nthree\n")).toBe("text");
  });

  test("a quote that is never closed loses nothing", async () => {
    const rest = Array.from({ length: 500 }, (_, index) => `${index},x`);
    const content = ['a,"b', ...rest].join("\n");
    expect((await parseBytes(content, "text/csv")).text).toBe(content);
  });
});
