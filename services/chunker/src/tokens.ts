import { forSearch } from "@sluice/contracts";
import { countTokens as countCl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { countTokens as countO200k } from "gpt-tokenizer/encoding/o200k_base";
import { readWordPiece } from "./word-piece.js";

export const tokenizers = ["cl100k_base", "o200k_base", "wordpiece", "bytes"] as const;
export type TokenizerName = (typeof tokenizers)[number];

/** How texts are measured, as they are sent: with compatibility forms written out. */
export interface Measure {
  /** Changes with whatever would measure differently. */
  name: string;
  /** What `size` may be, at most. */
  limit: number;
  /** Tokens. By a model whose tokenizer is not known here: by OpenAI's, for the books. */
  tokens(text: string): number;
  /** Tokens, or so much more that what is within `limit` is within the model's own limit, whatever its tokenizer. */
  size(text: string): number;
}

export interface MeasureOptions {
  maxTokens: number;
  /** The embedding model's name. */
  model: string;
  /** Whether anything is sent to a model with a limit. */
  isLocal: boolean;
  tokenizer?: TokenizerName | undefined;
  /** A WordPiece model's vocab.txt or tokenizer.json. */
  vocabulary?: string | undefined;
}

/** What is known of models: their tokenizer, and the tokens they take. */
const models: readonly [RegExp, TokenizerName, number][] = [
  [/^text-embedding-(?:3-|ada-002)/, "cl100k_base", 8_191],
  [/all-minilm/i, "wordpiece", 256],
  [/nomic-embed-text/i, "wordpiece", 2_048],
  [/multilingual/i, "bytes", 512],
  [/(?:bge|e5|gte|mxbai|snowflake)[\w-]*(?:small|base|large)/i, "wordpiece", 512],
];
const unknown = ["bytes", 512] as const;
/** [CLS], [SEP] and their like, and the space that SentencePiece puts first. */
const framing = 3;

// Text that looks like a control token (`<|endoftext|>`) is text.
const asText = { disallowedSpecial: new Set<string>() };
const encoders = {
  cl100k_base: (text: string) => countCl100k(text, asText),
  o200k_base: (text: string) => countO200k(text, asText),
};
const longRun = /\S{257,}|\s{257,}/g;
const slice = 256;

/**
 * Byte-pair merging takes time with the square of a word's length, so runs of more than 256 characters without a space, or of nothing
 * but space, are counted in slices.
 */
function countInSlices(text: string, count: (text: string) => number): number {
  let sliced = 0;
  const rest = text.replace(longRun, (run) => {
    for (let i = 0; i < run.length; i += slice) sliced += count(run.slice(i, i + slice));
    return "";
  });
  return sliced + count(rest);
}

export function createMeasure(options: MeasureOptions): Measure {
  const { maxTokens } = options;
  const found = models.find(([name]) => name.test(options.model));
  const [usual, modelLimit] = options.isLocal
    ? (["cl100k_base", Number.POSITIVE_INFINITY] as const)
    : found
      ? ([found[1], found[2]] as const)
      : unknown;
  const chosen = options.tokenizer ?? usual;
  if (chosen === "cl100k_base" || chosen === "o200k_base") {
    const tokens = (text: string) => countInSlices(forSearch(text), encoders[chosen]);
    return { name: chosen, limit: Math.min(maxTokens, modelLimit), tokens, size: tokens };
  }
  if (chosen === "wordpiece" && options.vocabulary !== undefined) {
    const vocabulary = readWordPiece(options.vocabulary);
    const tokens = (text: string) => vocabulary.count(forSearch(text));
    return {
      name: `wordpiece-${vocabulary.digest}`,
      limit: Math.min(maxTokens, modelLimit - framing),
      tokens,
      size: tokens,
    };
  }
  // No tokenizer makes more tokens of a text than it has bytes: what has fewer bytes than the model takes tokens fits for certain.
  const bytes = Math.min(modelLimit, found ? found[2] : unknown[1]) - framing;
  const tokens = (text: string) => countInSlices(forSearch(text), encoders.cl100k_base);
  return {
    name: `bytes-${bytes}`,
    limit: maxTokens,
    tokens,
    size: (text) => Math.max(tokens(text), Math.ceil((Buffer.byteLength(forSearch(text)) * maxTokens) / bytes)),
  };
}
