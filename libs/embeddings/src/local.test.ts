import { describe, expect, it } from "@jest/globals";
import { createLocalProvider, embedLexically } from "./local.js";

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

describe("the lexical embedding", () => {
  it("gives equal texts equal vectors of length one, whatever their case", () => {
    const [a, b] = [embedLexically("Chest pain on exertion", 384), embedLexically("CHEST PAIN on exertion", 384)];
    expect(a).toEqual(b);
    expect(cosine(a, a)).toBeCloseTo(1, 5);
  });

  it("puts a passage that shares words nearer than one that does not", () => {
    const query = embedLexically("metformin dose diabetes", 384);
    const near = embedLexically("Type 2 diabetes: metformin 500 mg, dose doubled in May.", 384);
    const far = embedLexically("Fracture of the left wrist after a fall on ice.", 384);
    expect(cosine(query, near)).toBeGreaterThan(cosine(query, far) + 0.2);
  });

  it("finds words by their parts", () => {
    const query = embedLexically("hypertensive", 384);
    expect(cosine(query, embedLexically("hypertension", 384))).toBeGreaterThan(
      cosine(query, embedLexically("fracture", 384)) + 0.1,
    );
  });

  it("gives no zero vector for text without words", () => {
    for (const text of ["the of and", "---", "。", "🩺"])
      expect(Math.hypot(...embedLexically(text, 384))).toBeCloseTo(1, 5);
  });

  it("says that it is lexical", () => {
    expect(createLocalProvider(384).model).toEqual({
      id: "local/lexical-v1/384",
      provider: "local",
      name: "lexical-v1",
      dimensions: 384,
      lexical: true,
    });
  });
});
