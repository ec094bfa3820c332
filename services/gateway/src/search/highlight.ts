type Range = [number, number];

const wide = 240;
const most = 200;
const isWord = /[\p{L}\p{N}]/u;

/** Where words stand in a text as whole words, in UTF-16 units; ranges that touch are joined. */
export function highlight(text: string, words: readonly string[]): Range[] {
  const found: Range[] = [];
  for (const word of words) {
    if (word === "") continue;
    for (let at = text.indexOf(word); at !== -1 && found.length < most; at = text.indexOf(word, at + word.length)) {
      const [before, after] = [text.slice(Math.max(0, at - 1), at), text.slice(at + word.length, at + word.length + 1)];
      if (!isWord.test(before) && !isWord.test(after)) found.push([at, at + word.length]);
    }
  }
  found.sort(([a], [b]) => a - b);
  const joined: Range[] = [];
  for (const [start, end] of found) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** The part of a text that has the most of its highlights, cut between words. */
export function snippetOf(text: string, highlights: readonly Range[]) {
  let [from, best] = [0, 0];
  for (const [start] of highlights) {
    const inside = highlights.filter(([a, b]) => a >= start && b <= start + wide - 40).length;
    if (inside > best) [from, best] = [start, inside];
  }
  let start = Math.max(0, Math.min(from - 40, text.length - wide));
  let end = Math.min(text.length, start + wide);
  if (start > 0) start = next(text, start, end);
  if (end < text.length) end = previous(text, end, start);
  const within = highlights.filter(([a, b]) => a >= start && b <= end);
  return { text: text.slice(start, end), start, highlights: within.map(([a, b]): Range => [a - start, b - start]) };
}

/** The beginning of the next word, or the next whole character where none begins soon. */
function next(text: string, at: number, end: number): number {
  const space = text.slice(at, Math.min(end, at + 40)).search(/\s\S/);
  if (space !== -1) return at + space + 1;
  return isLowSurrogate(text, at) ? at + 1 : at;
}

function previous(text: string, at: number, start: number): number {
  for (let i = at; i > Math.max(start, at - 40); i--) if (/\s/.test(text[i] ?? "")) return i;
  return isLowSurrogate(text, at) ? at - 1 : at;
}

const isLowSurrogate = (text: string, at: number) => /[\udc00-\udfff]/.test(text[at] ?? "");
