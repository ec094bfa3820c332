/** Texts to vectors, by whichever provider is configured. The embedder embeds passages with it, the gateway queries. */
export type { Request as EmbeddingRequest } from "./asker.js";
export { type Batcher, createBatcher } from "./batcher.js";
export { createEmbeddingProvider, embeddingConfig } from "./config.js";
export type { Embedded, EmbeddingModel, EmbeddingProvider } from "./provider.js";
