import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Service } from "@sluice/runtime";
import type { Scope } from "@sluice/store";
import { settled, until } from "./support/checks.js";
import {
  answer,
  dimensions,
  type EmbeddingServer,
  embeddings,
  startEmbeddingServer,
  tokensOfRequest,
} from "./support/embedding-server.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// What embedding costs: nothing twice, within the budget, and in the books whatever dies.

const model = { provider: "openai", name: "text-embedding-3-small" };
let server: EmbeddingServer;
let pipeline: Pipeline;
let embedder: Service;
beforeAll(async () => {
  server = await startEmbeddingServer();
  pipeline = await createPipeline({
    EMBEDDING_PROVIDER: "openai",
    OPENAI_BASE_URL: server.url,
    OPENAI_API_KEY: "test-key",
    EMBEDDING_MODEL: model.name,
    EMBEDDING_DIMENSIONS: String(dimensions),
    EMBEDDER_LINGER_MS: "20",
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

const sql = <T>(text: string, params: unknown[] = []) => pipeline.supabase.query<T>(text, params);
const submit = (scope: Scope, text: string) => pipeline.submit(scope, text, { externalId: randomUUID() });
/** The inputs that were asked for while something was done. */
async function askedFor(work: () => Promise<unknown>): Promise<string[]> {
  const before = server.asked.length;
  await work();
  return server.asked.slice(before).flatMap(({ input }) => input);
}
const usage = async (scope: Scope) => {
  const { items, budget } = await pipeline.store.usage.read(scope, 12);
  return { ...items[0], months: items.length, budget };
};
const waitsForBudget = (scope: Scope, documents: number) =>
  until(async () => {
    const { items } = await pipeline.store.reading.documents(scope, {}, null, 100);
    return items.filter(({ waitingFor }) => waitingFor === "embedding_budget_exhausted").length === documents;
  });

describe("a text that was embedded before", () => {
  const text = "Coronary angiography: no stenosis.";

  it("is not sent again, whichever document it is in; what that saves is counted", async () => {
    const scope = await pipeline.organization();
    await submit(scope, text);
    await settled(pipeline, scope);
    const asked = await askedFor(async () => {
      await submit(scope, text);
      await settled(pipeline, scope);
    });
    expect(asked).toEqual([]);
    const used = await usage(scope);
    expect(used).toMatchObject({ requests: 1, inputs: 1, tokens: tokensOfRequest, savedInputs: 1, months: 1 });
    expect(used.savedTokens).toBeGreaterThan(0);
    expect(used.savedUsd).toBeGreaterThan(0);
  });

  it("is not sent again by a reprocessing", async () => {
    const scope = await pipeline.organization();
    const { documentId } = await submit(scope, text);
    await settled(pipeline, scope);
    const asked = await askedFor(async () => {
      await pipeline.store.intake.reprocess(scope, documentId);
      await settled(pipeline, scope);
    });
    expect(asked).toEqual([]);
    expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({
      revision: 2,
      status: "vectorized",
    });
  });

  it("is another organization's own", async () => {
    const [one, two] = [await pipeline.organization(), await pipeline.organization()];
    await submit(one, text);
    await settled(pipeline, one);
    const asked = await askedFor(async () => {
      await submit(two, text);
      await settled(pipeline, two);
    });
    expect(asked).toHaveLength(1);
  });

  it("is forgotten with the last document that says it, and not before", async () => {
    const scope = await pipeline.organization();
    const first = await submit(scope, text);
    await settled(pipeline, scope);
    const second = await submit(scope, text);
    await settled(pipeline, scope);
    await pipeline.store.intake.deleteDocument(scope, first.documentId);
    let third: typeof first | undefined;
    const kept = await askedFor(async () => {
      third = await submit(scope, text);
      await settled(pipeline, scope);
    });
    expect(kept).toEqual([]);
    for (const { documentId } of [second, third ?? second])
      await pipeline.store.intake.deleteDocument(scope, documentId);
    expect(await sql("select 1 from sluice.embeddings where organization_id = $1", [scope.organizationId])).toEqual([]);
    const forgotten = await askedFor(async () => {
      await submit(scope, text);
      await settled(pipeline, scope);
    });
    expect(forgotten).toHaveLength(1);
  });

  it("is sent once where two documents of one request say it", async () => {
    const scope = await pipeline.organization();
    await pipeline.stop(embedder);
    await submit(scope, text);
    await submit(scope, text);
    await until(async () => {
      const rows = await sql("select 1 from sluice.ingestions where organization_id = $1 and status = 'chunked'", [
        scope.organizationId,
      ]);
      return rows.length === 2;
    });
    const asked = await askedFor(async () => {
      [embedder] = (await pipeline.start("embedder")) as [Service];
      await settled(pipeline, scope);
    });
    expect(asked).toHaveLength(1);
  });
});

describe("prices", () => {
  const priceOf = async (name: string, at: string, organization: string = randomUUID()) => {
    const [row] = await sql<{ price: string | null }>(
      "select sluice.price_of($1, 'openai', $2, $3::timestamptz)::text as price",
      [organization, name, at],
    );
    return row?.price === null ? null : Number(row?.price);
  };

  it("are those of the day", async () => {
    expect(await priceOf("text-embedding-ada-002", "2022-01-01")).toBeNull();
    expect(await priceOf("text-embedding-ada-002", "2023-01-01")).toBe(0.4);
    expect(await priceOf("text-embedding-ada-002", "2024-01-01")).toBe(0.1);
    expect(await priceOf("text-embedding-3-large", "2025-01-01")).toBe(0.13);
  });

  it("are the organization's own before what is configured, and that before what is shipped", async () => {
    const { organizationId } = await pipeline.organization();
    const name = "text-embedding-3-large";
    const register = (price?: number) =>
      pipeline.store.work.registerModel({
        id: `openai/${name}/3072`,
        provider: "openai",
        name,
        dimensions: 3_072,
        lexical: false,
        price,
      });
    const now = () => priceOf(name, "2100-01-01", organizationId);
    await register(0.12);
    expect(await now()).toBe(0.12);
    const own = (usdPerMillion: number | null) =>
      pipeline.store.usage.setPrice(organizationId, { provider: "openai", model: name, usdPerMillion, since: null });
    await own(0.05);
    expect([await now(), await priceOf(name, "2100-01-01"), await priceOf(name, "2025-01-01", organizationId)]).toEqual(
      [0.05, 0.12, 0.13],
    );
    await own(null);
    await register();
    expect(await now()).toBe(0.13);
  });

  it("make the cost of what was used; what has none is said to have none", async () => {
    const scope = await pipeline.organization();
    await sql("select sluice.book($1, 'openai', 'text-embedding-3-small', 10, 2000000, 5)", [scope.organizationId]);
    await sql("select sluice.book($1, 'openai', 'our-own', 10, 300, 5)", [scope.organizationId]);
    const { items } = await pipeline.store.usage.read(scope, 1);
    expect(items).toEqual([
      expect.objectContaining({ model: "our-own", costUsd: 0, unpricedTokens: 300 }),
      expect.objectContaining({ model: model.name, costUsd: 0.04, unpricedTokens: 0 }),
    ]);
  });
});

describe("a budget", () => {
  const set = (scope: Scope, tokens: number | null, usd: number | null = null) =>
    pipeline.store.usage.setBudget(scope, { tokens, usd, warnShare: 0.8 });

  it("that is used up holds its organization's documents before embedding, nobody else's, at no attempt; raising it lets them go on", async () => {
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    await set(scope, tokensOfRequest);
    await submit(scope, "The first is paid for.");
    await settled(pipeline, scope);
    const held: string[] = [];
    const asked = await askedFor(async () => {
      for (const i of [1, 2, 3]) held.push((await submit(scope, `Not paid for: ${i}.`)).documentId);
      await waitsForBudget(scope, 3);
      await submit(other, "Paid by somebody else.");
      await settled(pipeline, other);
    });
    expect(asked).toHaveLength(1);
    for (const id of held)
      expect(await pipeline.store.reading.document(scope, id)).toMatchObject({ status: "chunked", attempts: 0 });
    expect((await usage(scope)).budget).toMatchObject({ state: "exhausted", usedTokens: tokensOfRequest });
    const queues = await pipeline.store.operations.queues(scope);
    expect(queues.find(({ queue }) => queue === "embed")?.breakers).toMatchObject([
      { cause: "budget", code: "embedding_budget_exhausted", everybody: false },
    ]);
    expect(await set(scope, 1_000)).toMatchObject({ state: "well", tokens: 1_000 });
    await settled(pipeline, scope);
    expect(await pipeline.store.supervision.ledger(scope.organizationId)).toMatchObject({
      vectorized: 4,
      failed: 0,
      imbalance: 0,
    });
  });

  it("is new with the month", async () => {
    const scope = await pipeline.organization();
    await set(scope, 0);
    await submit(scope, "Waits for the month to change.");
    await waitsForBudget(scope, 1);
    await set(scope, tokensOfRequest);
    await settled(pipeline, scope);
    await submit(scope, "Waits for the next month.");
    await waitsForBudget(scope, 1);
    await sql("update sluice.usage_months set month = month - interval '1 month' where organization_id = $1", [
      scope.organizationId,
    ]);
    await until(async () => {
      // Nobody waits for a breaker's time in a test.
      await pipeline.supabase.exec("update sluice.circuit_breakers set retry_at = now() where retry_at > now()");
      await sql(
        "update sluice.ingestions set dispatch_after = now() where organization_id = $1 and next_queue = 'embed'",
        [scope.organizationId],
      );
      return (await pipeline.store.supervision.ledger(scope.organizationId)).vectorized === 2;
    });
    expect(await pipeline.store.supervision.breakers()).toEqual([]);
    expect(await usage(scope)).toMatchObject({ months: 2, budget: { state: "exhausted" } });
  });

  it("says once a month that its end is near", async () => {
    const scope = await pipeline.organization();
    await set(scope, Math.floor(2.2 * tokensOfRequest));
    for (const i of [1, 2]) {
      await submit(scope, `Costs a request: ${i}.`);
      await settled(pipeline, scope);
    }
    expect((await usage(scope)).budget.state).toBe("warned");
    await submit(scope, "And one more.");
    await settled(pipeline, scope);
    const warned = pipeline.logs.filter(
      (line) => line.includes("budget.warned") && line.includes(scope.organizationId),
    );
    expect(warned).toHaveLength(1);
    const audit = "select action from sluice.audit_log where organization_id = $1 and action = 'budget.warned'";
    expect(await sql(audit, [scope.organizationId])).toHaveLength(1);
  });

  it("is gone beyond by one request at most, however many ask at once; what is under way counts", async () => {
    const scope = await pipeline.organization();
    await set(scope, 55);
    const { organizationId } = scope;
    const requests = Array.from({ length: 20 }, () => randomUUID());
    const reserve = (request: string, ttlMs = 60_000) =>
      pipeline.store.vectors.reserve(
        request,
        model,
        [{ organizationId, inputs: 1, tokens: 10, savedInputs: 0, savedTokens: 0 }],
        ttlMs,
      );
    const answers = await Promise.all(requests.map((request) => reserve(request)));
    const taken = requests.filter((_, i) => answers[i]?.length === 0);
    expect(taken).toHaveLength(6);
    expect(answers.flat().filter(({ isFirst }) => isFirst)).toHaveLength(1);
    // One that brought nothing makes room again, one that nobody knows the end of does not.
    await pipeline.store.vectors.release(taken[0] as string, false, 1);
    await pipeline.store.vectors.release(taken[1] as string, true, 1);
    expect(await reserve(randomUUID())).toEqual([]);
    expect(await reserve(randomUUID())).toHaveLength(1);
    expect(await usage(scope)).toMatchObject({ tokens: 10, presumedTokens: 10, budget: { reservedTokens: 50 } });
  });

  it("counts as paid for what an embedder that died had under way", async () => {
    const scope = await pipeline.organization();
    const { organizationId } = scope;
    await pipeline.store.vectors.reserve(
      randomUUID(),
      model,
      [{ organizationId, inputs: 3, tokens: 30, savedInputs: 2, savedTokens: 20 }],
      1,
    );
    // By the supervisor.
    await until(async () => (await usage(scope)).presumedTokens === 30);
    expect(await usage(scope)).toMatchObject({ tokens: 30, inputs: 3, budget: { reservedTokens: 0 } });
  });

  it("is the admin's to set", async () => {
    const { organizationId } = await pipeline.organization();
    const { id } = await pipeline.store.apiKeys.asOperator.create({
      organizationId,
      name: "reader",
      scopes: ["search"],
    });
    const scope: Scope = { organizationId, caller: { kind: "api_key", id } };
    await expect(set(scope, 1)).rejects.toMatchObject({ code: "forbidden" });
    await expect(pipeline.store.usage.read(scope, 1)).rejects.toMatchObject({ code: "forbidden" });
  });
});

describe("an embedder that is killed", () => {
  let child: ChildProcess | undefined;
  afterAll(() => void child?.kill("SIGKILL"));

  it("leaves nothing to be asked again but the requests it had under way", async () => {
    const scope = await pipeline.organization();
    await pipeline.stop(embedder);
    const main = fileURLToPath(import.meta.resolve("@sluice/embedder/main"));
    child = spawn(process.execPath, [main], {
      env: {
        ...process.env,
        ...pipeline.env,
        EMBEDDING_MAX_INPUTS: "20",
        EMBEDDER_REQUESTS: "2",
        METRICS_PORT: "0",
      },
      stdio: "ignore",
    });
    const before = server.asked.length;
    const answered: string[] = [];
    server.behave((asked, response) => {
      if (server.asked.length - before > 6) return true;
      response.on("finish", () => answered.push(...asked.input));
      return undefined;
    });
    const sentence = (i: number) =>
      `Finding ${i}: the margin is clear, the wound is dry, and nothing else was seen on day ${i}.`;
    await submit(scope, Array.from({ length: 900 }, (_, i) => sentence(i)).join("\n\n"));
    // All that was answered is kept, and what is under way hangs.
    await until(async () => {
      const [row] = await sql<{ n: number }>(
        "select count(*)::integer as n from sluice.embeddings where organization_id = $1",
        [scope.organizationId],
      );
      return server.asked.length - before === 8 && row?.n === answered.length && answered.length === 120;
    });
    child.kill("SIGKILL");
    await new Promise((resolve) => child?.once("exit", resolve));
    server.behave(null);
    const first = server.asked.slice(before).flatMap(({ input }) => input);
    [embedder] = (await pipeline.start("embedder")) as [Service];
    const again = await askedFor(() => settled(pipeline, scope));
    const [row] = await sql<{ chunks: number }>(
      "select chunk_count as chunks from sluice.ingestions where organization_id = $1",
      [scope.organizationId],
    );
    expect(row?.chunks).toBeGreaterThan(200);
    const all = [...first, ...again];
    expect(new Set(all).size).toBe(row?.chunks);
    expect(all.length - new Set(all).size).toBe(40);
    expect(again.filter((text) => answered.includes(text))).toEqual([]);
  });
});

it("asks for nothing that it can't keep in order: vectors in another order are still each text's own", async () => {
  const scope = await pipeline.organization();
  server.behave((asked, response) =>
    answer(
      response,
      embeddings(asked, (items) => items.reverse()),
    ),
  );
  const heart = await submit(scope, "Coronary arteries.");
  const lung = await submit(scope, "Pulmonary function.");
  await settled(pipeline, scope);
  const nearest = async (word: number) => {
    const unit = Array.from({ length: dimensions }, (_, i) => (i === word ? 1 : 0));
    const found = await sql<{ document: string }>(
      `select i.document_id as document from sluice.embeddings e join sluice.ingestions i on i.id = e.ingestion_id
       where e.organization_id = $1 order by e.embedding operator(extensions.<=>) $2::extensions.vector limit 1`,
      [scope.organizationId, JSON.stringify(unit)],
    );
    return found[0]?.document;
  };
  expect([await nearest(0), await nearest(1)]).toEqual([heart.documentId, lung.documentId]);
});
