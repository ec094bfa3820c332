import { embeddingConfig } from "@sluice/embeddings";
import { queueConfig, workerConfig } from "@sluice/queue";
import { variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const embedderConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  embedding: embeddingConfig,
  concurrency: variable(
    "EMBEDDER_CONCURRENCY",
    positive(32),
    "Documents an embedder works on at once; their chunks share requests.",
  ),
  requests: variable("EMBEDDER_REQUESTS", positive(4), "Requests to the provider under way at once."),
  lingerMs: variable(
    "EMBEDDER_LINGER_MS",
    positive(200),
    "How long a chunk waits for others to fill its request, where the provider is asked over the network; milliseconds.",
  ),
};
