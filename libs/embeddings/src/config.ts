import { type ConfigOf, variable } from "@sluice/runtime";
import { z } from "zod";
import { createLocalProvider } from "./local.js";
import { createOpenAiProvider } from "./openai.js";
import type { EmbeddingProvider } from "./provider.js";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const embeddingConfig = {
  provider: variable(
    "EMBEDDING_PROVIDER",
    z.enum(["local", "openai"]).optional(),
    "`local` (lexical, offline) or `openai` (any server of that protocol); openai when OPENAI_API_KEY is set, else local.",
  ),
  model: variable("EMBEDDING_MODEL", z.string().default("text-embedding-3-small"), "The openai provider's model."),
  dimensions: variable(
    "EMBEDDING_DIMENSIONS",
    z.coerce.number().int().min(8).max(16_000).optional(),
    "Length of the vectors; 384 for local, 1536 for openai.",
  ),
  sendDimensions: variable(
    "EMBEDDING_SEND_DIMENSIONS",
    z.stringbool().default(true),
    "Whether the provider is asked for that length; models of fixed size refuse to be.",
  ),
  apiKey: variable("OPENAI_API_KEY", z.string().optional(), "The openai provider's key.", { secret: true }),
  baseUrl: variable(
    "OPENAI_BASE_URL",
    z.url().optional(),
    "Where the openai protocol is spoken, when it is not OpenAI.",
    { wire: true },
  ),
  maxInputs: variable("EMBEDDING_MAX_INPUTS", positive(512), "Texts in a request, at most."),
  maxTokens: variable("EMBEDDING_MAX_TOKENS", positive(100_000), "Tokens in a request, at most."),
  price: variable(
    "EMBEDDING_USD_PER_MILLION",
    z.coerce.number().nonnegative().optional(),
    "What a million tokens of the model cost you in US dollars, from the start with it on; else what is shipped for OpenAI's models.",
  ),
  timeoutMs: variable("EMBEDDING_TIMEOUT_MS", positive(60_000), "Longest a request may take; milliseconds."),
};

/** A second model beside the first, for organizations that change from one to the other. What is not given is as for the first. */
export const nextEmbeddingConfig = {
  provider: variable(
    "EMBEDDING_NEXT_PROVIDER",
    z.enum(["local", "openai"]).optional(),
    "A second model beside the first, that organizations change to or from (`sluice reindex`): its provider. None unless given.",
  ),
  model: variable("EMBEDDING_NEXT_MODEL", embeddingConfig.model.schema, "The same of the second model."),
  dimensions: variable("EMBEDDING_NEXT_DIMENSIONS", embeddingConfig.dimensions.schema, "The same of the second model."),
  sendDimensions: variable(
    "EMBEDDING_NEXT_SEND_DIMENSIONS",
    embeddingConfig.sendDimensions.schema,
    "The same of the second model.",
  ),
  apiKey: variable(
    "EMBEDDING_NEXT_API_KEY",
    z.string().optional(),
    "The second model's key; that of the first unless given.",
    { secret: true },
  ),
  baseUrl: variable(
    "EMBEDDING_NEXT_BASE_URL",
    z.url().optional(),
    "The second model's address; that of the first unless given.",
    { wire: true },
  ),
  price: variable("EMBEDDING_NEXT_USD_PER_MILLION", embeddingConfig.price.schema, "The same of the second model."),
};

export type EmbeddingConfig = ConfigOf<typeof embeddingConfig>;

/** The models that are configured: the first, and the next one where there is one. */
export function embeddingConfigs(
  first: EmbeddingConfig,
  { apiKey = first.apiKey, baseUrl = first.baseUrl, ...next }: ConfigOf<typeof nextEmbeddingConfig>,
): EmbeddingConfig[] {
  return next.provider === undefined ? [first] : [first, { ...first, ...next, apiKey, baseUrl }];
}

/** The provider the configuration names. */
export function createEmbeddingProvider(config: EmbeddingConfig): EmbeddingProvider {
  const provider = config.provider ?? (config.apiKey === undefined ? "local" : "openai");
  if (provider === "local") return createLocalProvider(config.dimensions ?? 384);
  return createOpenAiProvider({
    // Servers of one's own often want none, but the SDK wants something.
    apiKey: config.apiKey ?? "none",
    baseUrl: config.baseUrl,
    model: config.model,
    dimensions: config.dimensions ?? 1_536,
    sendDimensions: config.sendDimensions,
    maxInputs: config.maxInputs,
    maxTokens: config.maxTokens,
    timeoutMs: config.timeoutMs,
  });
}
