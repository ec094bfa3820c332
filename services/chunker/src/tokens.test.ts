import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { createMeasure } from "./tokens.js";

it("counts by OpenAI's tokenizers what is sent, control tokens as text", () => {
  const { tokens } = createMeasure({ maxTokens: 400, model: "text-embedding-3-large", isLocal: false });
  expect(tokens("hello world")).toBe(2);
  expect(tokens("<|endoftext|>")).toBeGreaterThan(1);
  expect(tokens("ﬁt")).toBe(tokens("fit"));
});

it("counts a word of thirty thousand letters without hanging", () => {
  const { tokens } = createMeasure({ maxTokens: 400, model: "text-embedding-3-small", isLocal: false });
  expect(tokens("a".repeat(30_000))).toBeGreaterThan(1_000);
});

it("counts by a vocabulary of WordPiece as BERT does", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-vocabulary-"));
  try {
    const vocabulary = join(folder, "vocab.txt");
    writeFileSync(vocabulary, ["[UNK]", "met", "##form", "##in", "caf", "##e", ",", "日", "500"].join("\n"));
    const { tokens, limit } = createMeasure({ maxTokens: 400, model: "all-MiniLM-L6-v2", isLocal: false, vocabulary });
    // met ##form ##in · , · 500 · caf ##e · 日 · an unknown word
    expect(tokens("Metformin, 500 Café日 zzz")).toBe(9);
    expect(limit).toBe(253);
    const json = join(folder, "tokenizer.json");
    writeFileSync(json, JSON.stringify({ model: { type: "WordPiece", vocab: { met: 0, "##form": 1, "##in": 2 } } }));
    expect(
      createMeasure({ maxTokens: 400, model: "bge-small", isLocal: false, vocabulary: json }).tokens("metformin"),
    ).toBe(3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  ["all-MiniLM-L6-v2", 253],
  ["a-model-nobody-knows", 509],
])("holds what is sent to %s, without its tokenizer, to as many bytes as it takes tokens", (model, most) => {
  const { size, limit } = createMeasure({ maxTokens: 400, model, isLocal: false });
  expect(size("q ".repeat(most / 2))).toBeLessThanOrEqual(limit);
  expect(size("é".repeat(most))).toBeGreaterThan(limit);
});
