import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Longer words are one unknown token. */
const maxWord = 100;
const cjk = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2fa1f}]/gu;
const parts = /[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu;

export interface WordPiece {
  digest: string;
  count(text: string): number;
}

/** Counts as BERT's tokenizer does, by a model's own vocabulary: `vocab.txt`, or `tokenizer.json` with a WordPiece model. */
export function readWordPiece(file: string): WordPiece {
  const raw = readFileSync(file, "utf8");
  const digest = createHash("sha256").update(raw).digest("hex").slice(0, 8);
  const { words, isLower } = file.endsWith(".json") ? fromJson(raw) : { words: raw.split(/\r?\n/), isLower: true };
  const vocabulary = new Set(words);
  const countWord = (word: string): number => {
    const letters = Array.from(word);
    if (letters.length > maxWord) return 1;
    let [count, from] = [0, 0];
    while (from < letters.length) {
      let to = letters.length;
      while (to > from && !vocabulary.has((from > 0 ? "##" : "") + letters.slice(from, to).join(""))) to -= 1;
      if (to === from) return 1;
      count += 1;
      from = to;
    }
    return count;
  };
  return {
    digest,
    count(text) {
      const spaced = text.replace(/[\p{Cc}\p{Cf}]/gu, (sign) => (/\s/.test(sign) ? " " : "")).replace(cjk, " $& ");
      const plain = isLower
        ? spaced
            .toLowerCase()
            .normalize("NFD")
            .replace(/\p{Mn}/gu, "")
        : spaced;
      let sum = 0;
      for (const [word] of plain.matchAll(parts)) sum += countWord(word);
      return sum;
    },
  };
}

function fromJson(raw: string): { words: string[]; isLower: boolean } {
  const { model, normalizer } = JSON.parse(raw) as {
    model?: { type?: string; vocab?: Record<string, number> };
    normalizer?: { lowercase?: boolean } | null;
  };
  if (model?.type !== "WordPiece" || model.vocab === undefined) throw new Error("no vocabulary of WordPiece");
  return { words: Object.keys(model.vocab), isLower: normalizer?.lowercase !== false };
}
