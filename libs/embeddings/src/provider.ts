import { SluiceError } from "@sluice/contracts";

/** The provider was reached and answered that it failed: its outage, or what one of the texts does to it. */
export class AnsweredFailure extends SluiceError {
  constructor(more: { cause: unknown; retryAfterMs?: number }) {
    super("embedding_unavailable", more);
  }
}

/** A model, as vectors are labelled with it. */
export interface EmbeddingModel {
  /** `<provider>/<name>/<dimensions>`: vectors of one id are comparable with each other and with nothing else. */
  id: string;
  provider: string;
  name: string;
  dimensions: number;
  /** True when similarity is of words, not of meaning. */
  lexical: boolean;
}

export interface Embedded {
  /** One a text, in order, finite and not zero. */
  vectors: Float32Array[];
  /** As the provider counts them. */
  tokens: number;
}

export interface EmbeddingProvider {
  readonly model: EmbeddingModel;
  /** What one request may hold. */
  readonly limits: { inputs: number; tokens: number };
  /**
   * Embeds texts in one request. Throws a SluiceError: `embedding_rate_limited` (with retryAfterMs where the provider says),
   * `embedding_unavailable` (an AnsweredFailure where the provider itself said so), `embedding_unauthorized`, `embedding_not_found`,
   * `embedding_input_refused`, `embedding_response_invalid`.
   */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<Embedded>;
}

export function describeModel(provider: string, name: string, dimensions: number, lexical: boolean): EmbeddingModel {
  return { id: `${provider}/${name}/${dimensions}`, provider, name, dimensions, lexical };
}
