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

/** The parts of a text, each at most `max` long, none empty. */
export function* split(text: string, max: number): Generator<string> {
  let rest = trim(text);
  while (rest) {
    const cut = cutPoint(rest, max);
    const part = trim(rest.slice(0, cut));
    if (part) yield part;
    rest = trimStart(rest.slice(cut));
  }
}

/** Without blank lines before; the first line keeps its indentation, which may align a table. */
function trimStart(text: string): string {
  return text.replace(/^\s*\n/, "");
}

function trim(text: string): string {
  return trimStart(text.trimEnd());
}
