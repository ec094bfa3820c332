import { embeddingConfig } from "@sluice/embeddings";
import { queueConfig, workerConfig } from "@sluice/queue";
import { variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";
import { strategyNames } from "./strategies/index.js";
import { tokenizers } from "./tokens.js";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const Strategy = z.enum(strategyNames);
const byType = z
  .string()
  .default("csv=table,xlsx=table,xls=table")
  .transform((text) => text.split(",").filter((entry) => entry.trim() !== ""))
  .pipe(z.array(z.string().regex(/^[^=]+=[^=]+$/, "expected type=strategy")))
  .transform((entries) => entries.map((entry) => entry.split("=").map((part) => part.trim().toLowerCase())))
  .pipe(z.array(z.tuple([z.string(), Strategy])))
  .transform((entries) => new Map(entries));

export const chunkerConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  concurrency: variable("CHUNKER_CONCURRENCY", positive(4), "Documents a chunker works on at once."),
  maxTokens: variable(
    "CHUNKER_MAX_TOKENS",
    z.coerce.number().int().min(32).default(400),
    "Tokens in a chunk, with what stands before it, at most; 32 at the least.",
  ),
  minTokens: variable(
    "CHUNKER_MIN_TOKENS",
    positive(64),
    "Sections of fewer tokens are joined with their siblings; a quarter of CHUNKER_MAX_TOKENS at most.",
  ),
  strategy: variable(
    "CHUNKER_STRATEGY",
    Strategy.default("section"),
    `How documents are cut: ${strategyNames.join(", ")}.`,
  ),
  byType: variable(
    "CHUNKER_STRATEGY_BY_TYPE",
    byType,
    "Other strategies for some: `type=strategy`, separated by commas, the type being a format, a media type or the code of the document's type.",
  ),
  provider: embeddingConfig.provider,
  model: embeddingConfig.model,
  tokenizer: variable(
    "CHUNKER_TOKENIZER",
    z.enum(tokenizers).optional(),
    `How tokens are counted: ${tokenizers.join(", ")}; by EMBEDDING_MODEL, where it is a known one, else so that the text fits whatever counts it.`,
  ),
  vocabulary: variable(
    "CHUNKER_VOCABULARY",
    z.string().optional(),
    "The vocab.txt or tokenizer.json of a model with a WordPiece tokenizer: counts exactly by it.",
  ),
};
