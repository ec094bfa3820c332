/** Texts to vectors, by whichever provider is configured. The embedder embeds passages with it, the gateway queries. */
export type { Answer, Request as EmbeddingRequest } from "./asker.js";
export { type Batcher, type Books, createBatcher, isTextsFault, type Text } from "./batcher.js";
export {
  createEmbeddingProvider,
  type EmbeddingConfig,
  embeddingConfig,
  embeddingConfigs,
  nextEmbeddingConfig,
} from "./config.js";
export { createGovernor, type Rates, type Share, type SharedRates } from "./governor.js";
export type { Embedded, EmbeddingModel, EmbeddingProvider, StatedRates } from "./provider.js";
