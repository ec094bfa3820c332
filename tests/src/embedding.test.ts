import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createEmbeddingProvider, embeddingConfig } from "@sluice/embeddings";
import { readConfig, type Service } from "@sluice/runtime";
import { type Scope, vectorText } from "@sluice/store";
import { Redis } from "ioredis";
import { settled, until } from "./support/checks.js";
import {
  answer,
  base64,
  dimensions,
  type EmbeddingServer,
  embeddings,
  startEmbeddingServer,
  tokensOfRequest,
  vectorOf,
} from "./support/embedding-server.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

let server: EmbeddingServer;
beforeAll(async () => {
  server = await startEmbeddingServer();
});
afterEach(() => server.behave(null));
afterAll(() => server?.destroy());

const environment = () => ({
  EMBEDDING_PROVIDER: "openai",
  OPENAI_BASE_URL: server.url,
  OPENAI_API_KEY: "test-key",
  EMBEDDING_MODEL: "meaning",
  EMBEDDING_DIMENSIONS: String(dimensions),
});

describe("the openai provider", () => {
  const provider = (more: Record<string, string> = {}) =>
    createEmbeddingProvider(readConfig(embeddingConfig, { ...environment(), ...more }));
  const code = (more: Record<string, string> = {}, texts = ["heart", "lung"]) =>
    provider(more)
      .embed(texts)
      .then(
        () => "ok",
        (error: { code?: string }) => error.code ?? String(error),
      );

  it("asks as the protocol has it, and reads vectors in base64", async () => {
    const { vectors, tokens } = await provider().embed(["heart", "lung"]);
    expect(vectors).toEqual([Float32Array.from(vectorOf("heart")), Float32Array.from(vectorOf("lung"))]);
    expect(tokens).toBe(tokensOfRequest);
    expect(server.asked.at(-1)).toMatchObject({
      input: ["heart", "lung"],
      dimensions,
      encoding: "base64",
      authorization: "Bearer test-key",
    });
  });

  it("reads vectors in numbers from a server that knows nothing else", async () => {
    server.behave((asked, response) => answer(response, embeddings({ ...asked, encoding: "float" })));
    expect((await provider().embed(["kidney"])).vectors).toEqual([Float32Array.from(vectorOf("kidney"))]);
  });

  it("does not ask for dimensions where it is told not to", async () => {
    await provider({ EMBEDDING_SEND_DIMENSIONS: "false" }).embed(["skin"]);
    expect(server.asked.at(-1)).toMatchObject({ dimensions: undefined });
  });

  it("puts vectors that come in another order in theirs", async () => {
    server.behave((asked, response) =>
      answer(
        response,
        embeddings(asked, (items) => items.reverse()),
      ),
    );
    const texts = ["heart", "lung", "kidney"];
    expect((await provider().embed(texts)).vectors).toEqual(texts.map((text) => Float32Array.from(vectorOf(text))));
  });

  it.each([
    ["seconds", { "retry-after": "7" }, 7_000],
    ["milliseconds", { "retry-after-ms": "1500", "retry-after": "9" }, 1_500],
    ["nothing", {}, undefined],
    ["nothing that is a time", { "retry-after": "soon", "retry-after-ms": "" }, undefined],
    ["less than a second", { "retry-after-ms": "3" }, 1_000],
    ["less than nothing", { "retry-after": "-20" }, 1_000],
    ["more than an age", { "retry-after": "99999999999999" }, 600_000],
    ["without end", { "retry-after": "1e999" }, 600_000],
    ["a date gone by", { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, 1_000],
    ["a date far away", { "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }, 600_000],
  ])("takes 429 for a rate limit, and waits as long as is said in %s", async (_, headers, retryAfterMs) => {
    server.behave((_asked, response) => answer(response, { error: { message: "slow down" } }, 429, headers as never));
    await expect(provider().embed(["a"])).rejects.toMatchObject({ code: "embedding_rate_limited", retryAfterMs });
  });

  it.each([
    [401, "embedding_unauthorized"],
    [403, "embedding_unauthorized"],
    [400, "embedding_input_refused"],
    [413, "embedding_input_refused"],
    [404, "embedding_not_found"],
    [405, "embedding_not_found"],
    [500, "embedding_unavailable"],
    [503, "embedding_unavailable"],
  ])("takes %d for %s", async (status, expected) => {
    server.behave((_, response) => answer(response, { error: { message: "no" } }, status));
    expect(await code()).toBe(expected);
    expect(server.asked.at(-1)?.input).toEqual(["heart", "lung"]);
  });

  it("takes a model that the provider does not have for that, whatever the status", async () => {
    for (const status of [400, 404]) {
      server.behave((_, response) => answer(response, { error: { message: "no", code: "model_not_found" } }, status));
      expect(await code()).toBe("embedding_model_unknown");
    }
  });

  it("takes a length that the model does not have for that, whether it is refused or answered with another", async () => {
    server.behave((_, response) => answer(response, { error: { message: "no", param: "dimensions" } }, 400));
    expect(await code()).toBe("embedding_dimensions_mismatch");
    server.behave((asked, response) =>
      answer(
        response,
        embeddings(asked, (items) => items.map((each) => ({ ...each, embedding: vectorOf("x").slice(1) }))),
      ),
    );
    expect(await code()).toBe("embedding_dimensions_mismatch");
  });

  it("keeps its connection", async () => {
    const one = provider();
    for (let i = 0; i < 8; i++) await one.embed(["a"]);
    // Those that the tests before left open may be used in turn.
    expect(new Set(server.asked.slice(-8).map(({ port }) => port)).size).toBeLessThan(4);
  });

  it("reads what the provider says of its limits", async () => {
    const headers = {
      "x-ratelimit-limit-requests": "3000",
      "x-ratelimit-limit-tokens": "1000000",
      "x-ratelimit-remaining-requests": "2999",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-requests": "20ms",
      "x-ratelimit-reset-tokens": "1m30.5s",
    };
    server.behave((asked, response) => answer(response, embeddings(asked), 200, headers));
    expect((await provider().embed(["a"])).rates).toEqual({
      requests: 3_000,
      tokens: 1_000_000,
      remainingRequests: 2_999,
      remainingTokens: 0,
      resetMs: 90_500,
    });
    const nonsense = Object.fromEntries(Object.keys(headers).map((name) => [name, "soon"]));
    server.behave((asked, response) => answer(response, embeddings(asked), 200, nonsense));
    expect((await provider().embed(["a"])).rates).toEqual({});
  });

  it("takes an outage on the way for one: nobody there, a hang before or within the answer, a connection that is cut", async () => {
    expect(await code({ OPENAI_BASE_URL: "http://127.0.0.1:1/v1" })).toBe("embedding_unavailable");
    const impatient = { EMBEDDING_TIMEOUT_MS: "300" };
    server.behave(() => true);
    expect(await code(impatient)).toBe("embedding_timeout");
    const half = (response: import("node:http").ServerResponse) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"object":"list","data":[');
    };
    server.behave((_, response) => {
      half(response);
      return true;
    });
    expect(await code(impatient)).toBe("embedding_timeout");
    server.behave((_, response) => {
      half(response);
      setTimeout(() => response.destroy(), 20);
      return true;
    });
    expect(await code()).toBe("embedding_disconnected");
    server.behave((_, response) => {
      response.destroy();
      return true;
    });
    expect(await code()).toBe("embedding_disconnected");
  });

  const zero = new Array<number>(dimensions).fill(0);
  const item = (embedding: unknown, index = 1) => ({ object: "embedding", index, embedding });
  const [miscounted, invalid] = ["embedding_count_mismatch", "embedding_vector_invalid"];
  it.each<[string, string, (items: unknown[]) => unknown]>([
    ["too few vectors", miscounted, (items) => items.slice(0, 1)],
    ["too many vectors", miscounted, (items) => [...items, item(base64(vectorOf("x")), 2)]],
    ["an index twice", miscounted, (items) => [items[0], items[0]]],
    ["an index out of range", miscounted, (items) => [items[0], item(base64(vectorOf("x")), 9)]],
    ["an index between two", miscounted, (items) => [items[0], item(base64(vectorOf("x")), 0.5)]],
    ["nothing in a place", miscounted, (items) => [items[0], null]],
    ["not all numbers", invalid, (items) => [items[0], item(base64([...vectorOf("x").slice(1), Number.NaN]))]],
    ["infinite", invalid, (items) => [items[0], item(base64([...vectorOf("x").slice(1), Number.POSITIVE_INFINITY]))]],
    ["zero", invalid, (items) => [items[0], item(zero)]],
    ["bytes that are no floats", invalid, (items) => [items[0], item("AAA=")]],
    ["no vector", invalid, (items) => [items[0], item(null)]],
    ["of another length", "embedding_dimensions_mismatch", (items) => [items[0], item(vectorOf("x").slice(1))]],
    ["no list", "embedding_answer_unreadable", () => "none"],
  ])("finds an answer of no use: %s", async (_, expected, change) => {
    server.behave((asked, response) => answer(response, embeddings(asked, change as never)));
    expect(await code()).toBe(expected);
  });

  it.each(["application/json", "text/html"])("finds a page that came as %s instead of an answer", async (type) => {
    server.behave((_, response) => {
      response.writeHead(200, { "content-type": type });
      response.end("<html>sign in</html>");
      return true;
    });
    expect(await code()).toBe("embedding_answer_unreadable");
  });
});

describe("in the pipeline", () => {
  let pipeline: Pipeline;
  let embedder: Service;
  beforeAll(async () => {
    pipeline = await createPipeline({
      ...environment(),
      EMBEDDING_MAX_INPUTS: "100",
      EMBEDDING_TIMEOUT_MS: "1000",
      SHUTDOWN_GRACE_MS: "100",
    });
    await pipeline.start("parser", "chunker", "supervisor");
    [embedder] = (await pipeline.start("embedder")) as [Service];
  });
  afterAll(() => pipeline?.destroy());

  const model = `openai/meaning/${dimensions}`;
  const search = async (scope: Scope, query: string, by = model) => {
    const found = await pipeline.store.reading.search(
      scope,
      { query, mode: "semantic", k: 5, filter: {} },
      { vector: vectorText(vectorOf(query)), model: by, queryHash: "h" },
    );
    return found.outcome === "ok" ? found.hits.map((hit) => hit.document.id) : found;
  };
  const waiting = (scope: Scope, code: string) =>
    until(async () => {
      const { items } = await pipeline.store.reading.documents(scope, {}, null, 200);
      return items.length > 0 && items.every((each) => each.waitingFor === code) && items;
    });
  /** Nobody waits in a test: what waits for its time has it now, documents and breakers. */
  const hurry = async (scope: Scope) => {
    await pipeline.supabase.query(
      "update sluice.ingestions set dispatch_after = now() where organization_id = $1 and dispatched_at is null and next_queue is not null",
      [scope.organizationId],
    );
    await pipeline.supabase.exec("update sluice.circuit_breakers set retry_at = now() where retry_at > now()");
  };
  const vectorized = async (scope: Scope, documents: number) => {
    await until(async () => {
      await hurry(scope);
      return (await pipeline.store.supervision.ledger(scope.organizationId)).inFlight === 0;
    });
    expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({
      vectorized: documents,
      failed: 0,
      imbalance: 0,
    });
  };

  it("finds by meaning", async () => {
    const scope = await pipeline.organization();
    const heart = await pipeline.submit(scope, "Coronary angiography without findings.");
    const lung = await pipeline.submit(scope, "Pulmonary function is normal.");
    await settled(pipeline, scope);
    expect(((await search(scope, "heart")) as string[])[0]).toBe(heart.documentId);
    expect(((await search(scope, "breath")) as string[])[0]).toBe(lung.documentId);
    const [usage] = await pipeline.supabase.query(
      "select sum(inputs)::integer as inputs, min(model) as model from sluice.usage_events where organization_id = $1",
      [scope.organizationId],
    );
    expect(usage).toEqual({ inputs: 2, model: "meaning" });
  });

  it("has in the books what was paid for vectors that it kept when the rest of their document failed, and nothing twice", async () => {
    const scope = await pipeline.organization();
    const sizes = server.asked.length;
    server.behave((asked, response) =>
      asked.input.length < 100 ? answer(response, { error: { message: "no" } }, 503) : undefined,
    );
    await pipeline.submit(
      scope,
      Array.from({ length: 150 }, (_, i) =>
        Array.from({ length: 90 }, (_, j) => `Stable on day ${i} at ${j}.`).join(" "),
      ).join("\n\n"),
    );
    await until(async () => server.asked.slice(sizes).some(({ input }) => input.length < 100));
    await waiting(scope, "embedding_unavailable");
    server.behave(null);
    await vectorized(scope, 1);
    const [books] = await pipeline.supabase.query<{ inputs: number; tokens: number; requests: number; chunks: number }>(
      `select sum(u.inputs)::integer as inputs, sum(u.tokens)::integer as tokens, count(*) filter (where u.inputs > 0)::integer as requests, min(i.chunk_count) as chunks
       from sluice.usage_events u join sluice.ingestions i using (organization_id) where organization_id = $1`,
      [scope.organizationId],
    );
    expect(books?.chunks).toBeGreaterThan(100);
    // As the provider counts them.
    expect(books).toMatchObject({ inputs: books?.chunks, tokens: tokensOfRequest * (books?.requests ?? 0) });
    expect(await pipeline.supabase.query("select 1 from sluice.reservations")).toEqual([]);
  });

  it.each([
    ["refuses the key", 401, "embedding_unauthorized"],
    ["is not where it was said to be", 404, "embedding_not_found"],
    ["limits the rate", 429, "embedding_rate_limited"],
    ["is broken", 500, "embedding_unavailable"],
  ])("waits while the provider %s, which costs no attempt, and goes on when it is well", async (_, status, code) => {
    const scope = await pipeline.organization();
    server.behave((__, response) =>
      answer(response, { error: { message: "no" } }, status, { "retry-after-ms": "100" }),
    );
    const { documentId } = await pipeline.submit(scope, `Renal function while it answers ${status}.`);
    await waiting(scope, code);
    const tries = server.asked.length + 6;
    await until(async () => {
      await hurry(scope);
      return server.asked.length >= tries;
    });
    server.behave(null);
    await vectorized(scope, 1);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events.filter((event) => event.kind === "waiting")).toHaveLength(1);
    expect(events.filter((event) => ["retrying", "failed", "requeued"].includes(event.kind))).toEqual([]);
    expect(events.at(-1)).toMatchObject({ kind: "advanced", status: "vectorized", attempt: 1 });
  });

  it.each([
    ["refuses", 400, "embedding_input_refused", 1],
    ["fails on", 500, "embedding_input_failed", 6],
    ["breaks down on behind its proxy", 502, "embedding_input_failed", 6],
  ])(
    "makes a dead letter of the one document whose text the provider %s, and of no other",
    async (_, status, code, attempts) => {
      const scope = await pipeline.organization();
      server.behave((asked, response) =>
        asked.input.some((text) => text.includes("poison"))
          ? answer(response, { error: { message: "not this" } }, status)
          : undefined,
      );
      const { documentId } = await pipeline.submit(scope, "This text is poison.");
      for (let i = 0; i < 8; i++) await pipeline.submit(scope, `Harmless ${i}.`);
      await until(async () => {
        await hurry(scope);
        return (await pipeline.store.supervision.ledger(scope.organizationId)).inFlight === 0;
      });
      const ledger = await pipeline.store.supervision.ledger(scope.organizationId);
      expect(ledger).toMatchObject({ vectorized: 8, failed: 1, imbalance: 0 });
      expect((await pipeline.store.operations.deadLetters(scope, {}, null, 10)).items).toEqual([
        expect.objectContaining({ documentId, stage: "embed", code, attempts }),
      ]);
    },
  );

  it.each([
    ["for long", "300"],
    ["for ever", "99999999999999"],
  ])("asks nothing more of a provider that limits the rate %s, for whichever document", async (_, retryAfter) => {
    const scope = await pipeline.organization();
    server.behave((__, response) => answer(response, { error: { message: "no" } }, 429, { "retry-after": retryAfter }));
    await pipeline.submit(scope, "The first to meet the limit.");
    await waiting(scope, "embedding_rate_limited");
    const asked = server.asked.length;
    for (let i = 0; i < 10; i++) await pipeline.submit(scope, `Another in the meantime, ${i}.`);
    await waiting(scope, "embedding_rate_limited");
    await hurry(scope);
    await waiting(scope, "embedding_rate_limited");
    expect(server.asked.length).toBe(asked);
    const late = await pipeline.supabase.query(
      "select 1 from sluice.ingestions where organization_id = $1 and dispatch_after > now() + interval '10 minutes'",
      [scope.organizationId],
    );
    expect(late).toEqual([]);
    // Another embedder would wait as well: Redis knows of the limit. Nobody waits that long in a test, so it is made to forget.
    server.behave(null);
    await pipeline.stop(embedder);
    const redis = new Redis(pipeline.redis.url);
    await redis.del(await redis.keys("*-rates}:*"));
    redis.disconnect();
    [embedder] = (await pipeline.start("embedder")) as [Service];
    await vectorized(scope, 11);
  });

  it("waits out a short limit with the documents in hand", async () => {
    const scope = await pipeline.organization();
    let refused = 0;
    server.behave((__, response) =>
      refused++ === 0 ? answer(response, { error: { message: "no" } }, 429, { "retry-after": "1" }) : undefined,
    );
    const { documentId } = await pipeline.submit(scope, "Over before anybody notices.");
    await settled(pipeline, scope);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events.filter((event) => event.stage === "embed").map((event) => event.kind)).toEqual(["advanced"]);
    expect(refused).toBe(2);
  });

  it("counts an answer of no use as an attempt, and tries again", async () => {
    const scope = await pipeline.organization();
    let bad = 1;
    server.behave((asked, response) =>
      bad-- > 0
        ? answer(
            response,
            embeddings(asked, (items) => items.slice(1)),
          )
        : undefined,
    );
    const { documentId } = await pipeline.submit(scope, "Dialysis twice a week.");
    await vectorized(scope, 1);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events).toContainEqual(expect.objectContaining({ kind: "retrying", code: "embedding_count_mismatch" }));
  });

  it("needs far fewer requests than there are documents when many wait", async () => {
    const scope = await pipeline.organization();
    await pipeline.stop(embedder);
    const documents = 100;
    await pipeline.supabase.query("update sluice.organizations set in_flight_window = 200 where id = $1", [
      scope.organizationId,
    ]);
    for (let i = 0; i < documents; i++) await pipeline.submit(scope, `Short note ${i}: eczema on the left arm.`);
    await until(async () => {
      const [row] = await pipeline.supabase.query<{ n: number }>(
        "select count(*)::integer as n from sluice.ingestions where organization_id = $1 and status = 'chunked'",
        [scope.organizationId],
      );
      return row?.n === documents;
    });
    const before = server.asked.length;
    // A provider takes its time; meanwhile more comes together.
    server.behave((asked, response) => {
      setTimeout(() => answer(response, embeddings(asked)), 100);
      return true;
    });
    [embedder] = (await pipeline.start("embedder")) as [Service];
    await vectorized(scope, documents);
    const requests = server.asked.slice(before);
    // A job may be delivered twice; nothing may be left out.
    expect(new Set(requests.flatMap((asked) => asked.input)).size).toBe(documents);
    expect(requests.length).toBeLessThan(documents / 2);
  });

  it("hands back what waits for an answer when it is stopped", async () => {
    const scope = await pipeline.organization();
    server.behave(() => true);
    const before = server.asked.length;
    const { documentId } = await pipeline.submit(scope, "Stopped meanwhile, a rash.");
    await until(async () => server.asked.length > before);
    await pipeline.stop(embedder);
    server.behave(null);
    const events = await pipeline.store.reading.events(scope, documentId, null, 100);
    expect(events.at(-1)?.kind).toMatch(/handed_back|waiting/);
    [embedder] = (await pipeline.start("embedder")) as [Service];
    await vectorized(scope, 1);
  });

  it("indexes nothing by halves when another model is configured: it waits for the active one", async () => {
    const scope = await pipeline.organization();
    const first = await pipeline.submit(scope, "Heart sounds normal.");
    await settled(pipeline, scope);
    await pipeline.stop(embedder);
    const own = pipeline.env.EMBEDDING_MODEL;
    pipeline.env.EMBEDDING_MODEL = "another";
    const [other] = (await pipeline.start("embedder")) as [Service];
    pipeline.env.EMBEDDING_MODEL = own ?? "";
    const second = await pipeline.submit(scope, "Cardiac output normal.");
    await until(async () => {
      const { waitingFor } = await pipeline.store.reading.document(scope, second.documentId);
      return waitingFor === "embedding_model_inactive";
    });
    const models = () =>
      pipeline.supabase.query("select distinct model from sluice.embeddings where organization_id = $1", [
        scope.organizationId,
      ]);
    expect(await models()).toEqual([{ model }]);
    expect(await search(scope, "heart", `openai/another/${dimensions}`)).toEqual({
      outcome: "model_inactive",
      activeModel: model,
    });
    expect(await search(scope, "heart")).toEqual([first.documentId]);
    await pipeline.stop(other);
    [embedder] = (await pipeline.start("embedder")) as [Service];
    await vectorized(scope, 2);
    expect(await models()).toEqual([{ model }]);
    expect(((await search(scope, "heart")) as string[]).sort()).toEqual([first.documentId, second.documentId].sort());
  });
});
