import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGovernor } from "@sluice/embeddings";
import { startTestRedis, type TestRedis } from "@sluice/local";
import { createSharedRates, queueConfig } from "@sluice/queue";
import { readConfig } from "@sluice/runtime";
import { Redis } from "ioredis";
import { settled, until } from "./support/checks.js";
import { answer, dimensions, type EmbeddingServer, startEmbeddingServer } from "./support/embedding-server.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// The rate that embedders share through Redis.

const organizationId = "8f3c7a52-6c1e-4d0b-9b5e-2f1f4d6a7c88";
const share = (tokens = 1, id = organizationId) => [
  { organizationId: id, inputs: 1, tokens, savedInputs: 0, savedTokens: 0 },
];

describe("a shared rate", () => {
  let redis: TestRedis;
  const made: ReturnType<typeof createSharedRates>[] = [];
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(async () => {
    await Promise.all(made.map((each) => each.destroy()));
    await redis?.destroy();
  });
  type Options = Partial<Parameters<typeof createSharedRates>[0]>;
  async function rates(provider: string, more: Options = {}, url = redis.url) {
    const one = createSharedRates({
      redis: readConfig(queueConfig, { REDIS_URL: url }),
      prefix: "t",
      provider,
      member: randomUUID(),
      ceiling: {},
      organization: {},
      ...more,
    });
    made.push(one);
    if (url === redis.url) await until(async () => one.take(share(0)).catch(() => undefined));
    return one;
  }
  /** How many requests may leave now. */
  async function room(one: Awaited<ReturnType<typeof rates>>, tokens = 1, most = 200): Promise<number> {
    for (let n = 0; n < most; n++) {
      const { waitMs, organizations } = await one.take(share(tokens));
      if (waitMs > 0 || organizations.length > 0) return n;
    }
    return most;
  }

  it("limits nothing while no limit is known", async () => {
    expect(await room(await rates("unlimited"))).toBe(200);
  });

  it("is one for all processes, and they know how many they are", async () => {
    const ceiling = { requests: 60 };
    const [one, two] = [await rates("p1", { ceiling }), await rates("p1", { ceiling })];
    const first = await room(one);
    expect(first).toBeLessThan(4);
    const { waitMs, members } = await two.take(share());
    expect({ waits: waitMs > 0 && waitMs <= 3_000, members }).toEqual({ waits: true, members: 2 });
    expect(await room(await rates("another provider", { ceiling: { requests: 600 } }))).toBeGreaterThan(0);
  });

  it("counts tokens, and lets a request through that is larger than a second's worth", async () => {
    const one = await rates("p2", { ceiling: { tokens: 60_000 } });
    expect((await one.take(share(30_000))).waitMs).toBe(0);
    expect((await one.take(share(1))).waitMs).toBeGreaterThan(10_000);
  });

  it("learns what the provider says, and what it refuses", async () => {
    const one = await rates("p3");
    await one.passed({ requests: 1_000, tokens: 500_000 });
    const known = (await one.take(share())).rates;
    expect(known).toEqual({ requests: 950, tokens: 475_000 });
    await one.refused({ retryAfterMs: 1, remainingRequests: 0, remainingTokens: 9 });
    // Refused together is refused once.
    await one.refused({ retryAfterMs: 1, remainingRequests: 0, remainingTokens: 9 });
    const after = await until(async () => {
      const { waitMs, rates: now } = await one.take(share(0));
      return waitMs === 0 && now;
    });
    expect(after.tokens).toBe(475_000);
    expect(after.requests).toBeLessThan(700);
    expect(after.requests).toBeGreaterThan(200);
    for (let i = 0; i < 10; i++) await one.passed({});
    const { rates: grown } = await one.take(share(0));
    expect(grown.requests).toBeGreaterThan(after.requests ?? 0);
    for (let i = 0; i < 200; i++) await one.passed({});
    expect((await one.take(share(0))).rates).toEqual(known);
  });

  it("finds a limit that nobody told it, when the provider refuses", async () => {
    const one = await rates("p4");
    await one.refused({ retryAfterMs: 1 });
    expect(await until(async () => await one.take(share(0))).then((taken) => taken.rates)).toEqual({});
    expect(await room(await rates("p4"), 10, 150)).toBe(150);
    await one.refused({ retryAfterMs: 1 });
    const { rates: now } = await one.take(share(0));
    expect(now.requests).toBeGreaterThan(70);
    expect(now.requests).toBeLessThanOrEqual(150);
  });

  it("waits when the provider says that nothing is left", async () => {
    const one = await rates("p5");
    await one.passed({ remainingRequests: 0, resetMs: 60_000 });
    expect((await one.take(share())).waitMs).toBeGreaterThan(50_000);
  });

  it("holds an organization to its part, and no other", async () => {
    const one = await rates("p6", { organization: { tokens: 600 } });
    const other = randomUUID();
    const both = (tokens: number) => [...share(tokens), ...share(tokens, other)];
    expect(await one.take(share(100))).toMatchObject({ waitMs: 0, organizations: [] });
    const { waitMs, organizations } = await one.take(both(1));
    expect({ waitMs, who: organizations.map((each) => each.organizationId) }).toEqual({
      waitMs: 0,
      who: [organizationId],
    });
    expect((await one.take(share(1, other))).organizations).toEqual([]);
  });

  it("is each process' part of what was known when Redis is lost", async () => {
    const ceiling = { requests: 600 };
    const [one] = [await rates("p7", { ceiling }), await rates("p7", { ceiling })];
    let lost = false;
    const governor = createGovernor(
      { ...one, take: (shares) => (lost ? Promise.reject(new Error("gone")) : one.take(shares)) },
      ceiling,
    );
    await governor.take(share());
    lost = true;
    let n = 0;
    while ((await governor.take(share())).waitMs === 0) n += 1;
    // Half of 570 a minute is 4.75 a second; a second's worth may go at once.
    expect(n).toBeGreaterThan(3);
    expect(n).toBeLessThan(9);
  });

  it("tells whoever can't reach Redis so at once", async () => {
    const one = await rates("p8", {}, "redis://127.0.0.1:1");
    await expect(one.take(share())).rejects.toBeInstanceOf(Error);
  });

  it("names nobody in Redis but organizations by their ids", async () => {
    await rates("https://example.org secret-key model");
    const raw = new Redis(redis.url);
    try {
      const keys = (await raw.keys("*")).join("\n");
      expect(keys).toContain("{t-rates}");
      expect(keys).not.toMatch(/secret-key|example/);
    } finally {
      raw.disconnect();
    }
  });
});

describe("two embedders of one provider", () => {
  const perSecond = 10;
  let server: EmbeddingServer;
  let pipeline: Pipeline;
  let refusals = 0;
  beforeAll(async () => {
    server = await startEmbeddingServer();
    pipeline = await createPipeline({
      EMBEDDING_PROVIDER: "openai",
      OPENAI_BASE_URL: server.url,
      OPENAI_API_KEY: "test-key",
      EMBEDDING_DIMENSIONS: String(dimensions),
      EMBEDDING_MAX_INPUTS: "1",
      EMBEDDER_LINGER_MS: "1",
      // So that neither takes all of them.
      EMBEDDER_CONCURRENCY: "2",
      CHUNKER_MAX_TOKENS: "32",
      CHUNKER_MIN_TOKENS: "8",
      EMBEDDING_REQUESTS_PER_MINUTE: String(perSecond * 60),
    });
    // A provider that holds to its limit: a bucket of two seconds' worth.
    let level = 0;
    let at = performance.now();
    server.behave((_, response) => {
      const now = performance.now();
      level = Math.max(0, level - ((now - at) * perSecond) / 1_000);
      at = now;
      if (level + 1 > perSecond * 2) {
        refusals += 1;
        return answer(response, { error: { message: "slow down" } }, 429, { "retry-after-ms": "1000" });
      }
      level += 1;
      return undefined;
    });
    await pipeline.start("parser", "chunker", "supervisor", "embedder", "embedder");
  });
  afterAll(async () => {
    await pipeline?.destroy();
    await server?.destroy();
  });

  it("hold to its limit together: it has hardly anything to refuse, and nothing waits for it in vain", async () => {
    const scope = await pipeline.organization();
    const documents = 8;
    for (let i = 0; i < documents; i++) {
      const paragraphs = Array.from(
        { length: 12 },
        (_, j) => `Note ${i}, entry ${j}: the wound is dry, the margin is clear, and nothing else was seen today.`,
      );
      await pipeline.submit(scope, paragraphs.join("\n\n"));
    }
    await settled(pipeline, scope);
    expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({
      vectorized: documents,
      failed: 0,
      imbalance: 0,
    });
    const workers = await pipeline.supabase.query(
      "select distinct worker from sluice.document_events where organization_id = $1 and status = 'vectorized'",
      [scope.organizationId],
    );
    expect(workers).toHaveLength(2);
    expect(server.asked.length).toBeGreaterThan(80);
    expect(refusals).toBeLessThanOrEqual(3);
  });
});
