import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { SearchFilter } from "@sluice/contracts";
import { startTestSupabase, type TestSupabase } from "@sluice/local";
import { allScopes, createStore, type Scope, type Store } from "@sluice/store";
import type { z } from "zod";
import { until } from "./support/checks.js";
import { createPipeline } from "./support/pipeline.js";

// Vectors put in by SQL: what matters here is how they are found.

const dimensions = 12;
const [model, wide] = [`test/narrow/${dimensions}`, "test/wide/4096"];
let supabase: TestSupabase;
let store: Store;
let large: Scope;
let small: Scope;

const organization = async (): Promise<Scope> => {
  const { id: organizationId } = await store.tenancy.createOrganization({ name: "test" });
  const { id } = await store.apiKeys.asOperator.create({ organizationId, name: "test", scopes: allScopes });
  return { organizationId, caller: { kind: "api_key", id } };
};
/** Documents of one passage each; every hundredth is tagged `rare`, one `single`, nine of ten are replaced where `replaced`. */
const fill = ({ organizationId }: Scope, count: number, options: { replaced?: boolean; into?: TestSupabase } = {}) =>
  (options.into ?? supabase).exec(`
    with n as (select i, gen_random_uuid() as document, gen_random_uuid() as ingestion, gen_random_uuid() as chunk from generate_series(1, ${count}) i),
    d as (insert into sluice.documents (id, organization_id, identity_key, content_hash, tags, standing)
      select document, '${organizationId}', 'i' || document, 'h', case when i = 7 then '{rare,single}'::text[] when i % 100 = 0 then '{rare}' else '{}' end,
        case when ${options.replaced === true} and i % 10 > 0 then 'replaced' else 'current' end from n),
    g as (insert into sluice.ingestions (id, organization_id, document_id, revision, status, next_queue, object_path, content_hash, byte_length, active,
        parsed_generation, chunked_generation, chunk_count)
      select ingestion, '${organizationId}', document, 1, 'vectorized', null, 'o' || ingestion, 'h', 1, true, 1, 1, 1 from n),
    c as (insert into sluice.chunks (id, ingestion_id, generation, ordinal, organization_id, section_ordinal, text, token_count, spans, content_hash)
      select chunk, ingestion, 1, 0, '${organizationId}', 0, 'passage ' || i, 2, '[[0,1]]', 'h' || i from n)
    insert into sluice.embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
      select chunk, '${model}', '${organizationId}', ingestion,
        array(select random() - 0.5 + n.i * 0 from generate_series(1, ${dimensions}))::extensions.vector from n`);

beforeAll(async () => {
  supabase = await startTestSupabase();
  store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  await store.work.registerModel({ id: model, provider: "test", name: "narrow", dimensions, lexical: false });
  await store.work.registerModel({ id: wide, provider: "test", name: "wide", dimensions: 4_096, lexical: false });
  [large, small] = [await organization(), await organization()];
  await fill(large, 3_000);
  await fill(small, 40);
});
afterAll(() => supabase?.destroy());

const vector = (seed: number) =>
  `[${Array.from({ length: dimensions }, (_, i) => Math.sin(seed * 7 + i * i)).join(",")}]`;
async function search(
  scope: Scope,
  seed: number,
  options: { k?: number; filter?: z.infer<typeof SearchFilter>; exactBelow?: number } = {},
) {
  const answer = await store.reading.search(
    scope,
    { query: "any", mode: "semantic", k: options.k ?? 10, filter: options.filter ?? {} },
    { vector: vector(seed), model, queryHash: "h", exactBelow: options.exactBelow ?? 500 },
  );
  if (answer.outcome !== "ok") throw new Error(answer.outcome);
  return { scan: answer.scan, ids: answer.hits.map(({ chunkId }) => chunkId) };
}
const exactly = (scope: Scope, seed: number, options: Parameters<typeof search>[2] = {}) =>
  search(scope, seed, { ...options, exactBelow: 1_000_000 });

describe("vectors", () => {
  it("are compared one by one while their model has no index", async () => {
    expect((await search(large, 1)).scan).toBe("exact");
    expect(await store.vectorIndexes.recall(model, 10)).toBeNull();
  });

  it("are found by the model's index once it is built, nearly all that are nearest", async () => {
    expect(await store.vectorIndexes.build(model)).toBe("built");
    expect(await store.vectorIndexes.build(wide)).toBe("not_possible");
    const [index] = await store.vectorIndexes.list();
    expect(index).toMatchObject({ model, dimensions, vectors: 3_040, index: `vector(${dimensions})` });
    let found = 0;
    for (let seed = 0; seed < 20; seed++) {
      const { scan, ids } = await search(large, seed);
      expect(scan).toBe("index");
      const nearest = new Set((await exactly(large, seed)).ids);
      found += ids.filter((id) => nearest.has(id)).length;
    }
    expect(found).toBeGreaterThanOrEqual(190);
    const recall = await store.vectorIndexes.recall(model, 20);
    expect(recall?.samples).toBeGreaterThan(5);
    expect(recall?.recall).toBeGreaterThan(0.9);
  });

  it("of few documents are compared one by one all the same, each of them", async () => {
    expect(await search(small, 3, { k: 40 })).toMatchObject({ scan: "exact", ids: { length: 40 } });
    const single = await search(large, 3, { filter: { tags: ["single"] } });
    expect([single.scan, single.ids.length]).toEqual(["exact", 1]);
    const rare = await search(large, 3, { k: 100, filter: { tags: ["rare"] } });
    expect([rare.scan, rare.ids.length]).toEqual(["exact", 31]);
  });

  it("that the index leaves out are found after all: never fewer than there are", async () => {
    const [mixed, alone] = [await organization(), await organization()];
    await fill(mixed, 1_500, { replaced: true });
    await fill(alone, 30);
    for (const seed of [1, 2, 3]) {
      // 1,500 vectors, of which readers see 150: within what the index gives first there are far fewer.
      const { scan, ids } = await search(mixed, seed, { k: 100 });
      expect([scan, ids.length]).toEqual(["completed", 100]);
      expect(ids).toEqual((await exactly(mixed, seed, { k: 100 })).ids);
      // Thirty among 4,600 of others.
      const few = await search(alone, seed, { k: 100, exactBelow: 0 });
      expect(few.ids).toEqual((await exactly(alone, seed, { k: 100 })).ids);
      expect(few.ids).toHaveLength(30);
      const rare = await search(large, seed, { k: 100, filter: { tags: ["rare"] }, exactBelow: 0 });
      expect(rare.ids).toHaveLength(31);
    }
  });

  it("of another model don't keep an index from being used", async () => {
    await supabase.query(
      `insert into sluice.embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
       select chunk_id, $1, organization_id, ingestion_id, array_fill(0.5::real, array[4096])::extensions.vector from sluice.embeddings where organization_id = $2 limit 5`,
      [wide, large.organizationId],
    );
    expect((await search(large, 1)).scan).toBe("index");
    expect((await store.vectorIndexes.list()).map(({ model: of, index }) => [of, index])).toEqual([
      [model, `vector(${dimensions})`],
      [wide, null],
    ]);
  });
});

describe("the supervisor", () => {
  it("builds the index once there are enough vectors, and says so before", async () => {
    const pipeline = await createPipeline({ VECTOR_INDEX_FROM: "30", VECTOR_INDEX_INTERVAL_MS: "300" });
    try {
      await pipeline.store.work.registerModel({
        id: model,
        provider: "test",
        name: "narrow",
        dimensions,
        lexical: false,
      });
      const scope = await pipeline.organization();
      await fill(scope, 29, { into: pipeline.supabase });
      await pipeline.start("supervisor");
      const indexed = async () => (await pipeline.store.vectorIndexes.list())[0]?.index ?? null;
      expect(await indexed()).toBeNull();
      await fill(scope, 1, { into: pipeline.supabase });
      await until(async () => (await indexed()) === `vector(${dimensions})`);
      expect(pipeline.logs.filter((line) => line.includes("index.wanted"))).toHaveLength(1);
    } finally {
      await pipeline.destroy();
    }
  });
});
