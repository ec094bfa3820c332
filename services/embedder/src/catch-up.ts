import { type SluiceError, toSluiceError } from "@sluice/contracts";
import { isTextsFault } from "@sluice/embeddings";
import { createLoop, type ServiceTools } from "@sluice/runtime";
import type { ReindexSlice, Store } from "@sluice/store";
import { chunkText } from "./books.js";
import type { Engine } from "./engine.js";

/** Passages taken up at once: few while documents wait for the same requests. */
const passages = { idle: 1_000, busy: 100 };
const unknownDelayMs = 5_000;

/**
 * While an organization changes its model: gives finished documents the vectors of the model that search does not read, in slices that are held by
 * a lease. Each request's vectors are kept as it finishes, so an embedder that dies repeats the requests under way.
 */
export function createCatchUp(deps: {
  reindexes: Store["reindexes"];
  work: Store["work"];
  vectors: Store["vectors"];
  engines: ReadonlyMap<string, Engine>;
  isBusy: () => boolean;
  leaseMs: number;
  everyMs: number;
  tools: ServiceTools;
}) {
  const { reindexes, work, vectors, engines, leaseMs, tools } = deps;
  const models = [...engines.keys()];
  let kept = new Map<string, string>();

  /** Embeds what is missing; each text for itself, so that one that is refused does not hide what became of the others. */
  async function make(slice: ReindexSlice, engine: Engine) {
    const { model, isInstant, batcher } = engine;
    const { organizationId } = slice;
    const texts = slice.chunks.map(({ ingestionId, generation, chunkId, ...chunk }) =>
      chunkText(engine, { organizationId, ingestionId, generation }, { ...chunk, id: chunkId }),
    );
    if (texts.length === 0) return { embedded: 0, failed: [] };
    const found = new Set(isInstant ? [] : await vectors.find(model.id, texts));
    const missing = texts.filter(({ chunkId }) => !found.has(chunkId));
    const settled = await Promise.allSettled(missing.map((each) => batcher.embed([each], performance.now())));
    if (isInstant) {
      const made = missing.flatMap((each, i) => {
        const outcome = settled[i];
        return outcome?.status === "fulfilled" ? [{ ...each, vector: outcome.value[0] as Float32Array }] : [];
      });
      if (made.length > 0) await work.putEmbeddings(model.id, made);
    }
    const errors = settled.map((each) => (each.status === "rejected" ? toSluiceError(each.reason) : undefined));
    const failed = missing.flatMap(({ chunkId }, i) => {
      const code = errors[i]?.code;
      return code !== undefined && isTextsFault(code)
        ? [{ chunkId, code, final: code === "embedding_input_refused" }]
        : [];
    });
    const obstacle = errors.find((error) => error !== undefined && !isTextsFault(error.code));
    const embedded = texts.length - errors.filter((error) => error !== undefined).length;
    return { embedded, failed, waiting: obstacle && waitingFor(obstacle) };
  }

  /** A budget that is used up is looked at in Postgres before anything is taken up: raising it is noticed at once. */
  function waitingFor({ code, retryAfterMs = unknownDelayMs }: SluiceError) {
    return { code, delayMs: code === "embedding_budget_exhausted" ? 0 : retryAfterMs };
  }

  const loop = createLoop({
    name: "reindex",
    everyMs: deps.everyMs,
    logger: tools.logger,
    async turn(signal) {
      kept = new Map((await reindexes.kept(models)).map(({ organizationId, model }) => [organizationId, model]));
      if (kept.size === 0) return false;
      const slice = await reindexes.claim(models, tools.worker, leaseMs, deps.isBusy() ? passages.busy : passages.idle);
      const engine = slice && engines.get(slice.model);
      if (!engine) return false;
      const holding = setInterval(() => {
        reindexes.hold(slice, tools.worker, leaseMs).catch(() => {
          // Somebody else may take it up: twice does no harm.
        });
      }, leaseMs / 3);
      try {
        const result = await make(slice, engine).catch((error: unknown) => ({
          embedded: 0,
          failed: [],
          waiting: waitingFor(toSluiceError(error)),
        }));
        // Who is stopping broke off what was under way; that is nobody's outage.
        await reindexes.settle(slice, tools.worker, signal.aborted ? { ...result, waiting: undefined } : result);
        return result.waiting === undefined;
      } finally {
        clearInterval(holding);
      }
    },
  });
  return {
    start: loop.start,
    destroy: loop.destroy,
    /** What an organization's new documents need vectors of beside the active model's, as it was a moment ago. */
    keptModel: (organizationId: string) => kept.get(organizationId),
  };
}
