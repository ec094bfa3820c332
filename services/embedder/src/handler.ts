import { heartbeatOrganization, SluiceError } from "@sluice/contracts";
import { coalesce, type HandlerResult } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { ChunkVector, Store, Task } from "@sluice/store";
import { type ChunkText, chunkText } from "./books.js";
import type { Engine } from "./engine.js";

// As pgvector text a row of 1,536 dimensions is about 12 kB: a call stays near a megabyte. As many chunks come with the task.
const rowsPerCall = 100;
/** Texts of one document on their way at once: some requests' worth, so that a long document fills them without being in memory whole. */
const mostInHand = 2_000;

/**
 * How long after it was begun a document still waits here for a rate limit to pass; later, or for longer, it is handed back, so that
 * everybody sees what it waits for, and the time it may take is not used up by waiting.
 */
const patienceMs = 5_000;

/** A long document's later texts have waited for its earlier ones: as long as this, our own pace is no reason to give them back. */
const longDocumentMs = 600_000;

/** What was promised, unless the signal aborts first: requests are shared with other documents and can't be broken off for one. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}

/** How long a model that search does not read is left alone after it failed: what it misses is caught up with. */
const keptRestMs = 30_000;

/**
 * The way from a document's chunks to one model's vectors. What costs nothing is computed, and its last part goes with the seal. What is paid for is
 * looked for first, and kept by the books as soon as its request is finished: a crash repeats only the requests that were under way.
 */
function createMaker(
  engine: Engine,
  deps: { work: Store["work"]; vectors: Store["vectors"]; metrics: Metrics; isFirst: boolean },
) {
  const { model, isInstant, batcher } = engine;
  const { work, metrics } = deps;
  // Documents that are taken up together are looked for together.
  const find = coalesce(
    async (pages: ChunkText[][]) => {
      const found = new Set(await deps.vectors.find(model.id, pages.flat()));
      return pages.map((page) => page.filter((each) => !found.has(each.chunkId)));
    },
    { most: 16, atOnce: 2 },
  );
  /** Pages of the chunks that have no vector; null when the work is no longer this worker's. */
  async function* pagesOf(task: Task): AsyncGenerator<ChunkText[] | null> {
    const after = (ordinal: number) => work.chunksToEmbed(task, model.id, ordinal, rowsPerCall);
    // What came with the task lacks the first model's vectors.
    for (let page = deps.isFirst ? task.chunks : await after(-1); ; ) {
      yield page?.map((chunk) => chunkText(engine, task, chunk)) ?? null;
      if (page === null || page.length < rowsPerCall) return;
      page = await after(page.at(-1)?.ordinal ?? -1);
    }
  }

  /** Computes the vectors and stores all but the last, which go with the seal; null when the work is somebody else's. */
  async function compute(task: Task, signal: AbortSignal): Promise<ChunkVector[] | null> {
    let last: ChunkVector[] = [];
    for await (const page of pagesOf(task)) {
      signal.throwIfAborted();
      if (page === null) return null;
      if (last.length > 0) await work.putEmbeddings(model.id, last);
      const vectors = await unlessAborted(batcher.embed(page), signal);
      last = page.map((each, i) => ({ ...each, vector: vectors[i] as Float32Array }));
    }
    return last;
  }

  /** Finds or buys the vectors; null when the work is somebody else's. */
  async function buy(task: Task, signal: AbortSignal): Promise<[] | null> {
    const began = performance.now();
    const patientUntil = () => Math.max(began + patienceMs, Math.min(performance.now(), began + longDocumentMs));
    const underWay = new Set<Promise<unknown>>();
    let inHand = 0;
    let failure: { error: unknown } | undefined;
    for await (const page of pagesOf(task)) {
      signal.throwIfAborted();
      if (page === null) return null;
      if (page.length === 0) break;
      const missing = await find(page);
      const hits = page.length - missing.length;
      metrics.embeddingCacheHits.inc({ model: model.name }, hits);
      const tokens = (texts: ChunkText[]) => texts.reduce((sum, each) => sum + each.tokens, 0);
      metrics.embeddingSavedTokens.inc({ model: model.name }, tokens(page) - tokens(missing));
      if (missing.length === 0) continue;
      inHand += missing.length;
      const asked = batcher
        .embed(missing, patientUntil())
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          inHand -= missing.length;
          underWay.delete(asked);
        });
      underWay.add(asked);
      while (inHand > mostInHand) await unlessAborted(Promise.race(underWay), signal);
      if (failure !== undefined) break;
    }
    // What others of its requests bring is kept before it is handed back.
    await unlessAborted(Promise.all(underWay), signal);
    if (failure !== undefined) throw failure.error;
    return [];
  }

  return isInstant ? compute : buy;
}

/** Chunks in, vectors out, of the organization's active model; and of the one it changes to or from, where there is one. */
export function createEmbedHandler(deps: {
  work: Store["work"];
  vectors: Store["vectors"];
  metrics: Metrics;
  worker: string;
  engines: ReadonlyMap<string, Engine>;
  first: Engine;
  keptModel: (organizationId: string) => string | undefined;
}) {
  const { work, metrics, engines, first } = deps;
  const makers = new Map(
    [...engines].map(([id, engine]) => [id, createMaker(engine, { ...deps, isFirst: engine === first })]),
  );
  const restUntil = new Map<string, number>();

  /** The other model's vectors, if they can be had: nothing waits for them, and what is missing is caught up with. */
  async function makeKept(task: Task, active: string, signal: AbortSignal): Promise<void> {
    const kept = deps.keptModel(task.organizationId);
    const make = kept === undefined || kept === active ? undefined : makers.get(kept);
    if (kept === undefined || make === undefined || (restUntil.get(kept) ?? 0) > performance.now()) return;
    try {
      const last = await make(task, signal);
      if (last !== null && last.length > 0) await work.putEmbeddings(kept, last);
    } catch {
      signal.throwIfAborted();
      restUntil.set(kept, performance.now() + keptRestMs);
    }
  }

  return async (task: Task, signal: AbortSignal): Promise<HandlerResult> => {
    const began = performance.now();
    const model = task.activeModel ?? first.model.id;
    const make = makers.get(model);
    if (make === undefined) throw new SluiceError("embedding_model_inactive", { retryAfterMs: 60_000 });
    const last = await make(task, signal);
    if (last === null) return { outcome: "stale" };
    await makeKept(task, model, signal);
    signal.throwIfAborted();
    const sealed = await work.sealEmbed(task, deps.worker, model, performance.now() - began, last);
    // Search reads another model since it was taken up; the next try takes that.
    if (sealed.outcome === "model_inactive") throw new SluiceError("embedding_model_inactive", { retryAfterMs: 1_000 });
    if (
      sealed.outcome === "sealed" &&
      sealed.sinceAcceptedMs !== undefined &&
      task.organizationId !== heartbeatOrganization
    ) {
      const seconds = sealed.sinceAcceptedMs / 1_000;
      metrics.timeToSearchable.observe({ workload: task.workload }, seconds);
      const outcome = seconds <= (task.searchableWithinSeconds ?? 60) ? "in_time" : "late";
      metrics.searchable.inc({ workload: task.workload, outcome });
    }
    return sealed;
  };
}
