import { queueConfig, workerConfig } from "@sluice/queue";
import { variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const chunkerConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  concurrency: variable("CHUNKER_CONCURRENCY", positive(4), "Documents a chunker works on at once."),
  maxTokens: variable("CHUNKER_MAX_TOKENS", positive(400), "Tokens in a chunk, at most."),
};
