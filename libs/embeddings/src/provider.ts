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
  /** As the provider counts them; 0 where it does not. */
  tokens: number;
  /** What the provider says of its limits. */
  rates?: StatedRates;
}

/** A provider's limits by the minute and what is left of them now, as far as it says. */
export interface StatedRates {
  requests?: number;
  tokens?: number;
  remainingRequests?: number;
  remainingTokens?: number;
  /** Until what is used up is there again; milliseconds. */
  resetMs?: number;
}

/** The provider limits the rate. */
export class RateLimited extends SluiceError {
  readonly rates: StatedRates;
  constructor(more: { cause?: unknown; retryAfterMs?: number; rates?: StatedRates }) {
    super("embedding_rate_limited", more);
    this.rates = more.rates ?? {};
  }
}

export interface EmbeddingProvider {
  readonly model: EmbeddingModel;
  /** What one request may hold. */
  readonly limits: { inputs: number; tokens: number };
  /** A vector takes less time to compute than to keep and to find again, and costs nothing. */
  readonly isInstant: boolean;
  /**
   * Embeds texts in one request. Throws a SluiceError: a RateLimited (with retryAfterMs where the provider says); `embedding_unavailable` (an
   * AnsweredFailure where the provider itself said so), `embedding_disconnected`, `embedding_timeout`, `embedding_unauthorized`, `embedding_not_found`,
   * `embedding_model_unknown`, `embedding_answer_unreadable`, `embedding_dimensions_mismatch`: nobody's text is at fault;
   * `embedding_input_refused`, `embedding_count_mismatch`, `embedding_vector_invalid`: one of them may be.
   */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<Embedded>;
}

export function describeModel(provider: string, name: string, dimensions: number, lexical: boolean): EmbeddingModel {
  return { id: `${provider}/${name}/${dimensions}`, provider, name, dimensions, lexical };
}
