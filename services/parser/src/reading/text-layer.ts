/**
 * Whether a page's text layer says what the page shows. A font without a table of characters gives glyph numbers instead of
 * letters: all of them shifted by the same amount, or symbols, or places that mean nothing.
 */
export type TextLayer = "sound" | "damaged" | "sparse";

/** Too little to judge by, or to be all that a page with a picture over most of it says. */
const fewLetters = 60;
const damagedShare = 0.1;
const symbolShare = 0.45;
const unspeakableShare = 0.5;
const otherScriptShare = 0.5;
const fewestWords = 15;

/** Characters that no text has: replacements, places for private use, controls, places that mean nothing. */
const meaningless = /[\ufffd\p{Co}\p{Cn}\p{Cs}]|(?!\s)\p{Cc}/gu;
/** Text that has none of them. */
const everyday = /^[\t\n\r -~\u00a0-\u024f]*$/u;
/** A single one before a space is a bullet or a tick of a font of symbols. */
const bullets = /(?<![^\s])\p{Co}(?=\s|$)/gu;

/** Frequent words of the languages that records are written in; whole pages without any are rare. */
const frequent = new Set(
  "the of and to in is for with on no was by at not are de la le et en un une les des el los las con para que por der die das und ist mit von zu den im il di per che non het een van og av som för att och".split(
    " ",
  ),
);
const fewestFrequent = 5;
const fewestDifferent = 3;

export function judgeTextLayer(text: string): TextLayer {
  const dense = text.replace(bullets, "").replace(/\s+/gu, "");
  const letters = lettersIn(dense);
  const broken = everyday.test(text) ? 0 : (dense.match(meaningless)?.length ?? 0);
  if (broken > 0 && broken >= dense.length * damagedShare) return "damaged";
  if (
    dense.length >= fewLetters &&
    (isSymbols(dense) || (!isOtherScript(dense) && (isUnspeakable(text) || isShifted(text))))
  )
    return "damaged";
  return letters < fewLetters ? "sparse" : "sound";
}

/** Letters and digits. */
export function lettersIn(text: string): number {
  return text.replace(/[^\p{L}\p{N}]+/gu, "").length;
}

/** Leaders and rules are symbols, too, but always the same. */
function isSymbols(dense: string): boolean {
  const varied = dense.replace(/(.)\1+/gu, "$1");
  const symbols = varied.match(/[^\p{L}\p{N}\p{M}]/gu)?.length ?? 0;
  return varied.length >= fewLetters && symbols > varied.length * symbolShare;
}

/** Chinese or Greek, among which names of tests and numbers stand in Latin letters, which make no words. */
function isOtherScript(dense: string): boolean {
  const letters = dense.replace(/\P{L}+/gu, "");
  return letters.replace(/\p{Script=Latin}+/gu, "").length > letters.length * otherScriptShare;
}

/** Words of Latin letters without a vowel. */
function isUnspeakable(text: string): boolean {
  const words = text.normalize("NFD").match(/(?<![\p{L}\p{N}])[a-z]\p{M}*(?:[a-z]\p{M}*){3,}(?![\p{L}\p{N}])/giu) ?? [];
  const unspeakable = words.filter((word) => !/[aeiouyæøœ]/iu.test(word));
  return words.length >= fewestWords && unspeakable.length > words.length * unspeakableShare;
}

/** Whether the text makes more sense with every character moved by the same amount. */
function isShifted(text: string): boolean {
  const sample = text.slice(0, 4_000);
  const plain = frequentWords(sample).length;
  if (plain >= fewestFrequent) return false;
  for (let shift = -40; shift <= 40; shift += 1) {
    if (shift === 0) continue;
    // A unit or a mark that recurs may turn into a word, but always into the same; and a few units and short words, as lists have them, into
    // a few words of two letters.
    const found = frequentWords(moved(sample, shift)).filter((word) => word.length > 2);
    if (found.length >= Math.max(fewestFrequent, plain * 4) && new Set(found).size >= fewestDifferent) return true;
  }
  return false;
}

/** The space is moved, too, or was left as it is. */
function moved(text: string, shift: number): string {
  return Array.from(text, (each) => {
    const code = each.codePointAt(0) ?? 0;
    return /\s/u.test(each) || code + shift < 32 ? each : String.fromCodePoint(code + shift);
  }).join("");
}

function frequentWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => frequent.has(word));
}
