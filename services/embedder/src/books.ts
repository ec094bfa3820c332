import { forSearch, SluiceError, withPrefix } from "@sluice/contracts";
import type { Books, EmbeddingModel, Text } from "@sluice/embeddings";
import type { Logger, Metrics } from "@sluice/runtime";
import { type ChunkToEmbed, type KeyedChunk, type Store, textKey } from "@sluice/store";
import type { Engine } from "./engine.js";

/** A chunk's text on its way to the provider. */
export type ChunkText = Text & KeyedChunk;

/** What is sent for a chunk: its text with what stands before it. Exactly this text is what the vector is of. */
export function chunkText(
  { model, isInstant }: Pick<Engine, "model" | "isInstant">,
  whose: Pick<ChunkText, "organizationId" | "ingestionId" | "generation">,
  chunk: Omit<ChunkToEmbed, "ordinal">,
): ChunkText {
  const { organizationId, ingestionId, generation } = whose;
  const text = forSearch(withPrefix(chunk.prefix, chunk.text));
  const key = isInstant ? "" : textKey(organizationId, model.id, text);
  return { organizationId, ingestionId, generation, chunkId: chunk.id, key, text, tokens: chunk.tokenCount };
}

// As pgvector text a row of 1,536 dimensions is about 12 kB: a call stays near a megabyte.
const rowsPerCall = 100;
/** A budget that is used up is asked for again in this time: raising it is noticed at once, the next month by this. */
const exhaustedMs = 600_000;

/** The books in Postgres: what requests use is set aside before, booked after, and their vectors are kept with that. */
export function createBooks(deps: {
  vectors: Store["vectors"];
  model: EmbeddingModel;
  metrics: Metrics;
  logger: Logger;
  /** When a request that nobody settled is its dead embedder's. */
  ttlMs: number;
}): Books<ChunkText> {
  const { vectors, model, metrics, logger } = deps;
  return {
    async reserve(request, shares) {
      const refused = await vectors.reserve(request, model, shares, deps.ttlMs);
      for (const { organizationId, isFirst } of refused) {
        if (!isFirst) continue;
        metrics.budgets.inc({ state: "exhausted" });
        logger.warn("budget.exhausted", { organizationId });
      }
      return new Map(
        refused.map(({ organizationId }) => [
          organizationId,
          new SluiceError("embedding_budget_exhausted", { retryAfterMs: exhaustedMs }),
        ]),
      );
    },
    async keep(request, texts, { vectors: made, tokens, latencyMs }) {
      const rows = texts.map((text, i) => ({ ...text, vector: made[i] as Float32Array }));
      for (let from = 0; from < rows.length; from += rowsPerCall) {
        const part = rows.slice(from, from + rowsPerCall);
        const { usd, warned } = await vectors.keep(model.id, from === 0 ? request : null, { tokens, latencyMs }, part);
        metrics.embeddingCost.inc({ model: model.name }, usd);
        for (const organizationId of warned) {
          metrics.budgets.inc({ state: "warned" });
          logger.warn("budget.warned", { organizationId });
        }
      }
    },
    release: vectors.release,
  };
}
