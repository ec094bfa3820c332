import { embeddingConfig, nextEmbeddingConfig } from "@sluice/embeddings";
import { queueConfig, workerConfig } from "@sluice/queue";
import { variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const positiveOr = z.coerce.number().int().positive().optional();

export const embedderConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  embedding: embeddingConfig,
  nextEmbedding: nextEmbeddingConfig,
  concurrency: variable(
    "EMBEDDER_CONCURRENCY",
    positive(32),
    "Documents an embedder works on at once; their chunks share requests.",
  ),
  requests: variable("EMBEDDER_REQUESTS", positive(4), "Requests to the provider under way at once."),
  pace: {
    requests: variable(
      "EMBEDDING_REQUESTS_PER_MINUTE",
      positiveOr,
      "Requests to the provider a minute, of all embedders together; else what the provider says, and what it refuses.",
    ),
    tokens: variable("EMBEDDING_TOKENS_PER_MINUTE", positiveOr, "The same for tokens."),
  },
  share: {
    requests: variable(
      "EMBEDDING_ORGANIZATION_REQUESTS_PER_MINUTE",
      positiveOr,
      "Of these, what one organization may have a part in; unlimited unless given.",
    ),
    tokens: variable("EMBEDDING_ORGANIZATION_TOKENS_PER_MINUTE", positiveOr, "The same for its tokens."),
  },
  reindexMs: variable(
    "REINDEX_INTERVAL_MS",
    positive(2_000),
    "How often a change of the embedding model is taken further; milliseconds.",
  ),
  lingerMs: variable(
    "EMBEDDER_LINGER_MS",
    positive(200),
    "How long a chunk waits for others to fill its request, where the provider is asked over the network; milliseconds.",
  ),
};
