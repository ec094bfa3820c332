import { sentenceEnds } from "./clinical/sentences.js";

/** From large to small: a text is cut at the first of these whose pieces fit. */
const levels: readonly ((text: string) => Iterable<number>)[] = [
  (text) => matches(text, /\n[^\S\n]*\n\s*/g),
  items,
  sentenceEnds,
  (text) => matches(text, /\n/g),
  (text) => matches(text, /[;,] |[|\t]+\s*/g),
  (text) => matches(text, /\s+/g),
  (text) => everyFew(text, 32),
  (text) => everyFew(text, 1),
];
/** Beneath it there is nothing to cut at. */
export const finest = levels.length;
/** From here on a piece is a line or less: it is cut only when it is too long by itself. */
export const lineLevel = 3;

/** The pieces of a text at a level; together they are the text. */
export function* pieces(text: string, level: number): Generator<[from: number, to: number]> {
  let from = 0;
  for (const to of levels[level]?.(text) ?? []) {
    if (to <= from || to >= text.length) continue;
    yield [from, to];
    from = to;
  }
  yield [from, text.length];
}

function* matches(text: string, mark: RegExp): Generator<number> {
  for (const match of text.matchAll(mark)) yield match.index + match[0].length;
}

const wrapsAt = 60;
const marker = /^\s*(?:[-•*>–]\s|#|\(?\d{1,2}[.)]\s|\(?[a-z][.)]\s)/;

/** Lines that begin something: not those in which a sentence, or an item of a list, only goes on. */
function* items(text: string): Generator<number> {
  let before = "";
  let from = 0;
  while (from < text.length) {
    const at = text.indexOf("\n", from);
    const to = at === -1 ? text.length : at;
    const line = text.slice(from, Math.min(to, from + 200));
    const isWrapped = /^\s*\p{Ll}/u.test(line) || (before.length >= wrapsAt && !/[.:;!?)]\s*$/.test(before));
    if (from > 0 && (marker.test(line) || !isWrapped)) yield from;
    before = text.slice(Math.max(from, to - 200), to);
    from = to + 1;
  }
}

/** Never inside a surrogate pair. */
function* everyFew(text: string, length: number): Generator<number> {
  let at = 0;
  while (at < text.length) {
    at += length;
    const code = text.charCodeAt(at);
    if (code >= 0xdc00 && code <= 0xdfff) at += 1;
    yield at;
  }
}
