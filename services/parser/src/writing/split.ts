/** Breaks from best to worst: paragraph, line, sentence, word. */
const breaks = ["\n\n", "\n", ". ", " "] as const;

/**
 * Where to cut a text so that the first part has at most `max` UTF-16 units: after the last paragraph, line, sentence or
 * word in its second half, never inside a surrogate pair.
 */
export function cutPoint(text: string, max: number): number {
  if (text.length <= max) return text.length;
  for (const mark of breaks) {
    const at = text.lastIndexOf(mark, max - mark.length);
    if (at >= max / 2) return at + mark.length;
  }
  const beforeCut = text.charCodeAt(max - 1);
  return beforeCut >= 0xd800 && beforeCut <= 0xdbff ? max - 1 : max;
}

/** The parts of a text with their offsets in it: each at most `max` long, none empty, without blank lines around them. */
export function* split(text: string, max: number): Generator<{ text: string; at: number }> {
  const end = text.trimEnd().length;
  let at = blankLines(text);
  while (at < end) {
    const rest = text.slice(at, end);
    const cut = cutPoint(rest, max);
    const part = rest.slice(0, cut).trimEnd();
    if (part) yield { text: part, at };
    at += cut + blankLines(rest.slice(cut));
  }
}

/** The length of the blank lines that a text begins with; the first line keeps its indentation, which may align a table. */
function blankLines(text: string): number {
  return /^\s*\n/.exec(text)?.[0].length ?? 0;
}
