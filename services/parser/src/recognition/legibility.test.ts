import { describe, expect, test } from "@jest/globals";
import { legibleText } from "./legibility.js";
import type { ReadLine } from "./text-reader.js";

const line = (words: [text: string, confidence: number][], paragraph = 0): ReadLine => ({
  words: words.map(([text, confidence]) => ({ text, confidence })),
  box: [0, 0, 100, 10],
  paragraph,
});

describe("what is legible", () => {
  test("paragraphs are set apart, lines are not", () => {
    const read = [
      line([
        ["Dear", 0.9],
        ["colleague", 0.9],
      ]),
      line(
        [
          ["he", 0.9],
          ["walks", 0.9],
        ],
        1,
      ),
      line([["again", 0.9]], 1),
    ];
    expect(legibleText(read)).toMatchObject({ isLegible: true, text: "Dear colleague\n\nhe walks\nagain" });
  });

  test("a guess among words is marked, and never left out in silence", () => {
    const read = [
      line([
        ["is", 0.9],
        ["not", 0.1],
        ["pregnant", 0.95],
        ["~;", 0.05],
        ["|", 0],
        ["today", 0.9],
      ]),
    ];
    expect(legibleText(read).text).toBe("is not [?] pregnant [?] today");
    expect(legibleText(read).lines.map(({ text }) => text)).toEqual(["is not [?] pregnant [?] today"]);
  });

  test("lines of guesses, rules and specks are no text", () => {
    const noise = [
      line([["——", 0.5]]),
      line([["ii", 0.4]]),
      line([
        ["Wqj", 0.2],
        ["rrx", 0.1],
      ]),
    ];
    const read = [
      ...noise,
      line([
        ["Potassium", 0.95],
        ["5.9", 0.9],
        ["mmol/L", 0.9],
        ["checked", 0.95],
        ["twice", 0.95],
      ]),
    ];
    expect(legibleText(read).text).toBe("Potassium 5.9 mmol/L checked twice");
    expect(legibleText(noise)).toMatchObject({ isLegible: false, text: "" });
  });

  test("a page of another script is not legible, though some of it looks like words", () => {
    const read = [
      line([
        ["ARE", 0.55],
        ["FRE", 0.5],
      ]),
      ...Array(6).fill(
        line([
          ["SEES", 0.3],
          ["BASRA", 0.2],
        ]),
      ),
    ];
    expect(legibleText(read).isLegible).toBe(false);
  });
});
