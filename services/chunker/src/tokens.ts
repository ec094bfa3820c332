import { countTokens } from "gpt-tokenizer/encoding/cl100k_base";

// Text that looks like a control token (`<|endoftext|>`) is text.
const asText = { disallowedSpecial: new Set<string>() };
const longRun = /\S{257,}|\s{257,}/g;
const slice = 256;

/**
 * Tokens of a text by OpenAI's cl100k_base. Byte-pair merging takes time with the square of a word's length, so runs of more than 256
 * characters without a space, or of nothing but space, are counted in slices, which never counts less.
 */
export function tokenCount(text: string): number {
  let sliced = 0;
  const rest = text.replace(longRun, (run) => {
    for (let i = 0; i < run.length; i += slice) sliced += countTokens(run.slice(i, i + slice), asText);
    return "";
  });
  return sliced + countTokens(rest, asText);
}
