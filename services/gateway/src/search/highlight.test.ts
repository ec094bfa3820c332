import { describe, expect, it } from "@jest/globals";
import { highlight, snippetOf } from "./highlight.js";

describe("highlights", () => {
  it("are whole words, as often as they stand there, joined where they touch", () => {
    const text = "Metformin: metformin 500 mg; not metformins.";
    expect(highlight(text, ["metformin", "Metformin"]).map(([a, b]) => text.slice(a, b))).toEqual([
      "Metformin",
      "metformin",
    ]);
    expect(highlight("a-b", ["a-b", "a", "b"])).toEqual([[0, 3]]);
    expect(highlight("text", [""])).toEqual([]);
  });

  it("count UTF-16 units, in any script", () => {
    expect(highlight("😀 כאב ראש", ["כאב"])).toEqual([[3, 6]]);
  });
});

describe("a snippet", () => {
  it("is the part with the most highlights, cut between words", () => {
    const text = `Aspirin. ${"nothing here ".repeat(60)}aspirin and more aspirin at the end.`;
    const snippet = snippetOf(text, highlight(text, ["aspirin", "Aspirin"]));
    expect(text.slice(snippet.start, snippet.start + snippet.text.length)).toBe(snippet.text);
    expect(snippet.text.length).toBeLessThanOrEqual(240);
    expect(text[snippet.start - 1]).toBe(" ");
    expect(snippet.highlights.map(([a, b]) => snippet.text.slice(a, b))).toEqual(["aspirin", "aspirin"]);
  });

  it("never cuts a character in two", () => {
    const text = "😀".repeat(400);
    const { text: cut } = snippetOf(text, [[401, 403]]);
    expect(cut.isWellFormed?.() ?? !/\p{Surrogate}/u.test(cut)).toBe(true);
  });

  it("is the whole of a short text", () => {
    expect(snippetOf("Short.", [])).toEqual({ text: "Short.", start: 0, highlights: [] });
  });
});
