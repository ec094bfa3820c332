import { describe, expect, it } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { createBatcher } from "./batcher.js";
import { AnsweredFailure, describeModel, type EmbeddingProvider } from "./provider.js";

/** A provider that fails as it is told: by what it is asked, and by how many requests there were before. */
function provider(fails: (texts: readonly string[], before: number) => SluiceError | undefined = () => undefined) {
  const requests: string[][] = [];
  const made: EmbeddingProvider = {
    model: describeModel("test", "length", 1, true),
    limits: { inputs: 10, tokens: 100 },
    isInstant: false,
    async embed(texts) {
      const failure = fails(texts, requests.length);
      requests.push([...texts]);
      await new Promise((resolve) => setImmediate(resolve));
      if (failure !== undefined) throw failure;
      return { vectors: texts.map((text) => Float32Array.of(text.length)), tokens: 0 };
    },
  };
  return { made, requests };
}
const options = { lingerMs: 5, concurrency: 2, onRequest: () => {} };
const texts = (...all: string[]) => all.map((text) => ({ text, tokens: 1, organizationId: "o" }));
const broken = () => new AnsweredFailure({ cause: new Error("500") });
const limited = (retryAfterMs: number) => new SluiceError("embedding_rate_limited", { retryAfterMs });

/** What became of each text: "ok", or its code. */
async function outcomes(promises: Promise<unknown>[]) {
  const settled = await Promise.allSettled(promises);
  return settled.map((each) => (each.status === "fulfilled" ? "ok" : (each.reason as SluiceError).code));
}

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
    await batcher.embed(
      Array.from({ length: 25 }, (_, i) => ({ text: "x".repeat(i + 1), tokens: 1, organizationId: "o" })),
    );
    await batcher.embed([60, 60, 30].map((tokens, i) => ({ text: `y${i}`, tokens, organizationId: "o" })));
    expect(requests.map((request) => request.length)).toEqual([10, 10, 5, 1, 2]);
  });
});

it("sends a text once that is in a request twice, and says to the books what that saves", async () => {
  const { made, requests } = provider();
  const reserved: unknown[] = [];
  const books = {
    reserve: async (_: string, shares: readonly unknown[]) => {
      reserved.push(...shares);
      return new Map();
    },
    keep: async () => {},
    release: async () => {},
  };
  const batcher = createBatcher(made, { ...options, books });
  const other = { text: "same", tokens: 7, organizationId: "p" };
  await Promise.all([
    batcher.embed(texts("same", "same", "other")),
    batcher.embed([other]),
    batcher.embed(texts("same")),
  ]);
  expect(requests).toEqual([["same", "other", "same"]]);
  expect(reserved).toEqual([
    { organizationId: "o", inputs: 2, tokens: 2, savedInputs: 2, savedTokens: 2 },
    { organizationId: "p", inputs: 1, tokens: 7, savedInputs: 0, savedTokens: 0 },
  ]);
});

describe("a text that spoils its request", () => {
  it.each([
    ["is refused", () => new SluiceError("embedding_input_refused"), "embedding_input_refused"],
    ["makes the provider fail", broken, "embedding_input_failed"],
  ])("that %s fails alone", async (_, failure, code) => {
    const { made } = provider((asked) => (asked.includes("bad") ? failure() : undefined));
    const batcher = createBatcher(made, options);
    const all = ["a", "b", "bad", "d", "e", "f", "g"].map((text) => batcher.embed(texts(text)));
    expect(await outcomes(all)).toEqual(["ok", "ok", code, "ok", "ok", "ok", "ok"]);
  });

  it("is found out even when there is nothing else to ask for", async () => {
    const { made } = provider((asked) => (asked.includes("bad") ? broken() : undefined));
    const batcher = createBatcher(made, options);
    expect(await outcomes([batcher.embed(texts("bad")), batcher.embed(texts("bad", "bad"))])).toEqual([
      "embedding_input_failed",
      "embedding_input_failed",
    ]);
  });

  it("is not blamed for a failure that does not come again", async () => {
    const { made } = provider((_, before) => (before === 0 ? broken() : undefined));
    expect(await outcomes([createBatcher(made, options).embed(texts("good"))])).toEqual(["ok"]);
  });
});

describe("an outage", () => {
  it("is nobody's fault, and multiplies no requests", async () => {
    const { made, requests } = provider(broken);
    const batcher = createBatcher(made, options);
    const all = Array.from({ length: 100 }, (_, i) => batcher.embed(texts(`text ${i}`)));
    expect(new Set(await outcomes(all))).toEqual(new Set(["embedding_unavailable"]));
    // Ten requests, and one that asks whether it is an outage.
    expect(requests).toHaveLength(11);
  });

  it("that begins while a request is being halved is one, too", async () => {
    const { made, requests } = provider((asked, before) =>
      before > 2 || asked.includes("bad") ? broken() : undefined,
    );
    const batcher = createBatcher(made, options);
    const all = ["a", "b", "c", "bad"].map((text) => batcher.embed(texts(text)));
    expect(await outcomes(all)).toEqual(["ok", "ok", "embedding_unavailable", "embedding_unavailable"]);
    expect(requests).toEqual([["a", "b", "c", "bad"], ["ok"], ["a", "b"], ["c", "bad"], ["c"], ["ok"], ["bad"]]);
  });
});

describe("a limited rate", () => {
  it("holds every request until it is over, and rejects nothing that can wait so long", async () => {
    const { made, requests } = provider((_, before) => (before === 0 ? limited(50) : undefined));
    const pauses: number[] = [];
    const batcher = createBatcher(made, { ...options, onLimited: (ms) => pauses.push(ms) });
    const first = batcher.embed(texts("a"));
    while (pauses.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = batcher.embed(texts("b"));
    expect(await outcomes([first, second])).toEqual(["ok", "ok"]);
    expect(requests).toEqual([["a"], ["a", "b"]]);
    expect(pauses).toEqual([50]);
  });

  it("rejects what can't wait, at once and with the time that is left, without asking", async () => {
    const { made, requests } = provider(() => limited(600_000));
    const batcher = createBatcher(made, options);
    const settled = await Promise.allSettled([batcher.embed(texts("a", "b")), batcher.embed(texts("c"))]);
    for (let i = 0; i < 5; i++) settled.push(...(await Promise.allSettled([batcher.embed(texts(`later ${i}`))])));
    for (const each of settled) {
      const { code, retryAfterMs } = (each as PromiseRejectedResult).reason as SluiceError;
      expect(code).toBe("embedding_rate_limited");
      expect(retryAfterMs).toBeGreaterThan(500_000);
      expect(retryAfterMs).toBeLessThanOrEqual(600_000);
    }
    expect(requests).toHaveLength(1);
    batcher.destroy();
  });

  it("that lasts is not waited for in hand", async () => {
    const { made } = provider(() => limited(20));
    const batcher = createBatcher(made, options);
    expect(await outcomes([batcher.embed(texts("a"), performance.now() + 100)])).toEqual(["embedding_rate_limited"]);
    batcher.destroy();
  });

  it("is tried by one request when it should be over", async () => {
    const { made, requests } = provider((_, before) => (before < 3 ? limited(20) : undefined));
    const { embed } = made;
    const finished: number[] = [];
    made.embed = (...call) => embed(...call).finally(() => finished.push(requests.length));
    const batcher = createBatcher(made, { ...options, concurrency: 3 });
    expect(
      await outcomes([
        batcher.embed(Array.from({ length: 60 }, () => ({ text: "x", tokens: 1, organizationId: "o" }))),
      ]),
    ).toEqual(["ok"]);
    // How many had begun when each ended: three together, one alone, then three together again.
    expect(finished).toEqual([3, 3, 3, 4, 7, 8, 9, 9, 9]);
  });
});
