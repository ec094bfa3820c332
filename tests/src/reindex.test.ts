import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createEmbeddingProvider, embeddingConfig, embeddingConfigs, nextEmbeddingConfig } from "@sluice/embeddings";
import { readConfig, type Service } from "@sluice/runtime";
import { type Scope, vectorText } from "@sluice/store";
import { settled, until } from "./support/checks.js";
import {
  answer,
  dimensions,
  type EmbeddingServer,
  embeddings,
  startEmbeddingServer,
  vectorOf,
} from "./support/embedding-server.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// Changing the model while search goes on: the old one is read until the new one is whole, and both are kept up until the window closes.

const [old, next] = ["openai/old-model/16", "openai/next-model/8"];
let server: EmbeddingServer;
let pipeline: Pipeline;
let embedder: Service;
const environment = () => ({
  EMBEDDING_PROVIDER: "openai",
  OPENAI_BASE_URL: server.url,
  OPENAI_API_KEY: "test-key",
  EMBEDDING_MODEL: "old-model",
  EMBEDDING_DIMENSIONS: String(dimensions),
  EMBEDDING_NEXT_PROVIDER: "openai",
  EMBEDDING_NEXT_MODEL: "next-model",
  EMBEDDING_NEXT_DIMENSIONS: "8",
  EMBEDDING_NEXT_USD_PER_MILLION: "1",
  EMBEDDING_MAX_INPUTS: "4",
});
beforeAll(async () => {
  server = await startEmbeddingServer();
  pipeline = await createPipeline({
    ...environment(),
    EMBEDDER_LINGER_MS: "20",
    EMBEDDER_REQUESTS: "1",
    REINDEX_INTERVAL_MS: "50",
    WORKER_LEASE_MS: "2000",
    CHUNKER_MAX_TOKENS: "64",
    CHUNKER_MIN_TOKENS: "16",
  });
  await pipeline.start("parser", "chunker", "supervisor");
  [embedder] = (await pipeline.start("embedder")) as [Service];
});
afterEach(() => server.behave(null));
afterAll(async () => {
  await pipeline?.destroy();
  await server?.destroy();
});

const organs = ["heart", "lung", "kidney", "skin"];
const submit = (scope: Scope, text: string) => pipeline.submit(scope, text, { externalId: randomUUID() });
/** An organization with documents, each of one passage of its own. */
async function filled(count: number): Promise<Scope> {
  const scope = await pipeline.organization();
  for (let i = 0; i < count; i++) await submit(scope, `Visit ${i}: ${organs[i % organs.length]} examined.`);
  await settled(pipeline, scope);
  return scope;
}
const start = (scope: Scope, more: { windowSeconds?: number; acceptMissing?: boolean } = {}) =>
  pipeline.store.reindexes.start(scope, { model: next, windowSeconds: 3_600, acceptMissing: false, ...more });
const latest = async (scope: Scope) => (await pipeline.store.reindexes.list(scope)).items[0];
const inState = (scope: Scope, state: string) => until(async () => (await latest(scope))?.state === state);
const vectors = async (scope: Scope, model: string) => {
  const rows = await pipeline.supabase.query<{ n: number }>(
    "select count(*)::integer as n from sluice.embeddings where organization_id = $1 and model = $2",
    [scope.organizationId, model],
  );
  return rows[0]?.n;
};
const active = async (scope: Scope) => (await pipeline.store.reindexes.list(scope)).activeModel;
async function search(scope: Scope, model: string, word = "cardiac") {
  const vector = vectorText(vectorOf(word).slice(0, model === old ? dimensions : 8));
  return pipeline.store.reading.search(
    scope,
    { query: word, mode: "semantic", k: 100, filter: {} },
    { vector, model, queryHash: "h" },
  );
}
async function hits(scope: Scope, model: string): Promise<number> {
  const found = await search(scope, model);
  if (found.outcome !== "ok") throw new Error(found.outcome);
  return found.hits.length;
}
/** Holds requests for the next model until they are let go. */
function holdNext() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let held = 0;
  server.behave((asked, response) => {
    if (asked.dimensions !== 8) return undefined;
    held += 1;
    released.then(() => answer(response, embeddings(asked)));
    return true;
  });
  return { release, held: () => held };
}
const askedOfNext = (since: number) => server.asked.slice(since).filter(({ dimensions: length }) => length === 8);

it("reads a second model's settings, what is not given from the first's", () => {
  const read = (env: Record<string, string>) =>
    embeddingConfigs(readConfig(embeddingConfig, env), readConfig(nextEmbeddingConfig, env));
  const [first, second] = read(environment()).map((each) => createEmbeddingProvider(each).model.id);
  expect([first, second]).toEqual([old, next]);
  expect(read({ ...environment(), EMBEDDING_NEXT_PROVIDER: "" })).toHaveLength(1);
  expect(read(environment())[1]).toMatchObject({ apiKey: "test-key", baseUrl: server.url, price: 1 });
});

describe("a reindex", () => {
  it("is read by nobody until it is whole, then by all; new documents get both, and it can be rolled back", async () => {
    const scope = await filled(8);
    const { hold, estimate } = { hold: holdNext(), estimate: await pipeline.store.reindexes.estimate(scope, next) };
    expect(estimate).toMatchObject({ documents: 8, passages: 8, model: next });
    expect(estimate.usd).toBeCloseTo(estimate.tokens / 1e6);
    await start(scope);
    await until(async () => hold.held() > 0);
    expect(await active(scope)).toBe(old);
    expect(await hits(scope, old)).toBe(8);
    expect(await search(scope, next)).toMatchObject({ outcome: "model_inactive", activeModel: old });
    await submit(scope, "A new visit: heart and lung.");
    hold.release();
    await settled(pipeline, scope);
    await inState(scope, "flipped");
    expect(await active(scope)).toBe(next);
    expect(await hits(scope, next)).toBe(9);
    expect(await search(scope, old)).toMatchObject({ outcome: "model_inactive", activeModel: next });

    await submit(scope, "Another visit after the flip: kidney.");
    await settled(pipeline, scope);
    expect(await hits(scope, next)).toBe(10);
    await until(async () => (await vectors(scope, old)) === 10);
    await pipeline.store.reindexes.end(scope, "rollback");
    await inState(scope, "rolled_back");
    expect(await hits(scope, old)).toBe(10);

    await submit(scope, "A visit after rolling back: skin.");
    await settled(pipeline, scope);
    await start(scope);
    await inState(scope, "flipped");
    expect(await hits(scope, next)).toBe(11);
  });

  it("removes the old model's vectors when its window closes, and nothing else", async () => {
    const [scope, other] = [await filled(3), await filled(2)];
    await start(scope, { windowSeconds: 0 });
    await inState(scope, "done");
    expect([await vectors(scope, old), await vectors(scope, next)]).toEqual([0, 3]);
    expect(await hits(scope, next)).toBe(3);
    expect([await vectors(other, old), await vectors(other, next)]).toEqual([2, 0]);
    await expect(pipeline.store.reindexes.end(scope, "rollback")).rejects.toMatchObject({
      code: "reindex_not_possible",
    });
  });

  it("that is cancelled leaves search as it was, and none of its vectors", async () => {
    const scope = await filled(6);
    const hold = holdNext();
    await start(scope);
    await until(async () => hold.held() > 0);
    await pipeline.store.reindexes.end(scope, "cancel");
    hold.release();
    await inState(scope, "done");
    expect(await latest(scope)).toMatchObject({ cancelled: true });
    expect(await active(scope)).toBe(old);
    expect(await hits(scope, old)).toBe(6);
    expect(await vectors(scope, next)).toBe(0);
  });

  it("is shared by two embedders, and repeats nothing but what was under way when one is stopped", async () => {
    const scope = await filled(24);
    const before = server.asked.length;
    let served = 0;
    server.behave((asked, response) => {
      if (asked.dimensions !== 8 || ++served !== 2) return undefined;
      response.destroy();
      return true;
    });
    const [second] = (await pipeline.start("embedder")) as [Service];
    await start(scope);
    await until(async () => served >= 2);
    await pipeline.stop(second);
    await pipeline.stop(embedder);
    [embedder] = (await pipeline.start("embedder")) as [Service];
    await inState(scope, "flipped");
    expect(await hits(scope, next)).toBe(24);
    const inputs = askedOfNext(before).flatMap(({ input }) => input);
    expect(new Set(inputs).size).toBe(24);
    // One request was cut, and each of two embedders may have had one under way.
    expect(inputs.length).toBeLessThanOrEqual(24 + 3 * 4);
  });

  it("waits while the budget is used up, and goes on when it is raised", async () => {
    const scope = await filled(9);
    const { store } = pipeline;
    await store.usage.setBudget(scope, { usd: 0.000008, tokens: null, warnShare: 0.8 });
    await start(scope);
    await until(async () => (await latest(scope))?.waitingFor === "embedding_budget_exhausted");
    expect(await active(scope)).toBe(old);
    expect(await hits(scope, old)).toBe(9);
    await store.usage.setBudget(scope, { usd: 5, tokens: null, warnShare: 0.8 });
    await inState(scope, "flipped");
    expect(await hits(scope, next)).toBe(9);
  });

  it("does not flip without passages that the model refuses, unless that will do", async () => {
    const scope = await filled(4);
    await submit(scope, "Unspeakable finding of the heart.");
    await settled(pipeline, scope);
    server.behave((asked, response) =>
      asked.dimensions === 8 && asked.input.some((text) => text.includes("Unspeakable"))
        ? answer(response, { error: { message: "no" } }, 400)
        : undefined,
    );
    await start(scope);
    await until(async () => {
      const now = await latest(scope);
      return now?.passagesRefused === 1 && now.documentsLeft === 0 && !now.looking;
    });
    expect(await latest(scope)).toMatchObject({ state: "running", passagesEmbedded: 4 });
    expect(await active(scope)).toBe(old);
    await start(scope, { acceptMissing: true });
    await inState(scope, "flipped");
    expect(await hits(scope, next)).toBe(4);
  });

  it("is one at a time, of a model that is known and another than the active one", async () => {
    const scope = await filled(1);
    const refuses = (model: string) =>
      expect(pipeline.store.reindexes.start(scope, { model, windowSeconds: 60, acceptMissing: false })).rejects;
    await refuses("openai/unheard-of/8").toMatchObject({ code: "reindex_model_unknown" });
    await refuses(old).toMatchObject({ code: "reindex_needless" });
    await start(scope);
    await inState(scope, "flipped");
    await refuses(next).toMatchObject({ code: "reindex_open" });
    await expect(pipeline.store.reindexes.end(scope, "cancel")).rejects.toMatchObject({ code: "reindex_not_possible" });
  });

  it("is for admins of the organization", async () => {
    const scope = await filled(1);
    const key = async (organizationId: string, scopes: string[]): Promise<Scope> => {
      const { id } = await pipeline.store.apiKeys.asOperator.create({
        organizationId,
        name: "k",
        scopes: scopes as never,
      });
      return { organizationId: scope.organizationId, caller: { kind: "api_key", id } };
    };
    const elsewhere = (await pipeline.organization()).organizationId;
    for (const caller of [await key(scope.organizationId, ["search"]), await key(elsewhere, ["admin"])]) {
      const { reindexes } = pipeline.store;
      for (const call of [
        () => reindexes.list(caller),
        () => reindexes.estimate(caller, next),
        () => start(caller),
        () => reindexes.end(caller, "rollback"),
        () => reindexes.end(caller, "cancel"),
      ])
        await expect(call()).rejects.toMatchObject({ code: "forbidden" });
    }
    expect(await active(scope)).toBe(old);
  });
});
