import { describe, expect, it } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { createBatcher } from "./batcher.js";
import { describeModel, type EmbeddingProvider } from "./provider.js";

function provider(refuse: (text: string) => boolean = () => false) {
  const requests: string[][] = [];
  const made: EmbeddingProvider = {
    model: describeModel("test", "length", 1, true),
    limits: { inputs: 10, tokens: 100 },
    async embed(texts) {
      requests.push([...texts]);
      await new Promise((resolve) => setImmediate(resolve));
      if (texts.some(refuse)) throw new SluiceError("embedding_input_refused");
      return { vectors: texts.map((text) => Float32Array.of(text.length)), tokens: 0 };
    },
  };
  return { made, requests };
}
const options = { lingerMs: 5, concurrency: 2, onRequest: () => {} };
const texts = (...all: string[]) => all.map((text) => ({ text, tokens: 1 }));

describe("gathering texts into requests", () => {
  it("lets the texts of several documents share one request, and gives each its own vectors", async () => {
    const { made, requests } = provider();
    const batcher = createBatcher(made, options);
    const [a, b] = await Promise.all([batcher.embed(texts("a", "bb")), batcher.embed(texts("ccc"))]);
    expect([a, b]).toEqual([[Float32Array.of(1), Float32Array.of(2)], [Float32Array.of(3)]]);
    expect(requests).toEqual([["a", "bb", "ccc"]]);
  });

  it("keeps to the limits of inputs and tokens", async () => {
    const { made, requests } = provider();
    const batcher = createBatcher(made, options);
    await batcher.embed(Array.from({ length: 25 }, (_, i) => ({ text: "x".repeat(i + 1), tokens: 1 })));
    await batcher.embed([60, 60, 30].map((tokens) => ({ text: "y", tokens })));
    expect(requests.map((request) => request.length)).toEqual([10, 10, 5, 1, 2]);
  });

  it("fails only the text that the provider refuses", async () => {
    const { made } = provider((text) => text === "bad");
    const batcher = createBatcher(made, options);
    const settled = await Promise.allSettled(["a", "b", "bad", "d", "e"].map((text) => batcher.embed(texts(text))));
    expect(settled.map((each) => each.status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });
});
