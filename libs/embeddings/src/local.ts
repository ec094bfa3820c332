import { createHash } from "node:crypto";
import { describeModel, type EmbeddingProvider } from "./provider.js";

const name = "lexical-v1";
const charGram = 4;

/** FNV-1a, 32 bits, with the avalanche step of murmur3 so that the low bits are usable. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// Words that say little about a passage; they would otherwise carry most of its weight.
const stop = new Set(
  "a an and are as at be been but by for from had has have he her his i if in is it its no not of on or she that the their there they this to was were which with you your".split(
    " ",
  ),
);

function add(vector: Float32Array, counts: Map<string, number>, weight: number): void {
  for (const [feature, count] of counts) {
    const h = hash(feature);
    // One bit of the hash gives the sign, so that collisions cancel out on average (Weinberger et al. 2009, feature hashing).
    const sign = h & 1 ? 1 : -1;
    const index = (h >>> 1) % vector.length;
    vector[index] = (vector[index] ?? 0) + sign * weight * (1 + Math.log(count));
  }
}

function count(features: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const feature of features) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  return counts;
}

function* characterGrams(words: string[]): Iterable<string> {
  for (const word of words) {
    const padded = `^${word}$`;
    for (let i = 0; i + charGram <= padded.length; i++) yield `c:${padded.slice(i, i + charGram)}`;
  }
}

/** The vector of one text: hashed words, pairs of words and character 4-grams, weighted by 1+ln(tf), of length 1. */
export function embedLexically(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  const words =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+(?:[.'-][\p{L}\p{N}]+)*/gu) ?? [];
  const content = words.filter((word) => !stop.has(word));
  add(vector, count(content.map((word) => `w:${word}`)), 1);
  add(vector, count(content.slice(1).map((word, i) => `b:${content[i]} ${word}`)), 0.7);
  add(vector, count(characterGrams(content)), 0.35);
  let norm = Math.hypot(...vector);
  if (norm === 0) {
    // Nothing but stop words or signs: a direction of the text's own, so that equal texts are still equal and none is zero.
    vector[createHash("sha256").update(text).digest().readUInt32BE(0) % dimensions] = 1;
    norm = 1;
  }
  for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) / norm;
  return vector;
}

/**
 * The default without a key: deterministic, offline, and honest about what it is. It finds passages that share words and parts of
 * words with the query; it knows nothing of synonyms.
 */
export function createLocalProvider(dimensions: number): EmbeddingProvider {
  return {
    model: describeModel("local", name, dimensions, true),
    limits: { inputs: 512, tokens: 1_000_000 },
    isInstant: true,
    async embed(texts) {
      const vectors: Float32Array[] = [];
      for (const [i, text] of texts.entries()) {
        // Other work of the process gets its turn between slices of a large request.
        if (i > 0 && i % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
        vectors.push(embedLexically(text, dimensions));
      }
      return { vectors, tokens: 0 };
    },
  };
}
