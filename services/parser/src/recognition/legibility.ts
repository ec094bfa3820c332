import type { RecognisedPage } from "@sluice/contracts";
import type { ReadLine, ReadWord } from "./text-reader.js";

/**
 * What of a reading is taken for text. Engines guess at everything that is dark; their confidence tells guesses from words.
 *
 * A word below `doubtfulWord` has a mark behind it, or in its place where it is no word at all: left out in silence it could turn
 * "not pregnant" around, and written in silence it would be an invention. A line below `illegibleLine` is no line of text. A page below `illegiblePage`, or whose legible lines hold less than `legibleShare`
 * of what was read, is unreadable: what can be read on it is chance, another script, or a photograph.
 */
const doubtfulWord = 0.3;
const illegibleLine = 0.25;
const illegiblePage = 0.5;
const legibleShare = 0.3;
/** Below it a page is doubtful. */
const doubtfulPage = 0.7;
/** Stands behind a word that is a guess, and for what could not be read. */
const doubtMark = "[?]";
/** So many of a page's words are guesses when its readers are told; fewer are only marked. */
const doubtfulShare = 0.02;
/** What a line without letters must reach: ruled lines and specks are read as dashes and dots. */
const surePunctuation = 0.8;
/** One or two letters by themselves are the commonest guesses. */
const [shortLine, sureShortLine] = [2, 0.6];

export type PageText = Pick<RecognisedPage, "text" | "lines" | "confidence"> & { isLegible: boolean };

/** The text of a page, its lines below one another and a blank line between paragraphs. */
export function legibleText(read: readonly ReadLine[]): PageText {
  const all = read.flatMap(({ words }) => words).filter(hasText);
  const lines: { text: string; confidence: number; bbox: [number, number, number, number]; paragraph: number }[] = [];
  let legible = 0;
  for (const { words: given, box, paragraph } of read) {
    const words = given.filter(hasText);
    const confidence = confidenceOf(words);
    if (!isLine(words, confidence)) continue;
    const text = words
      .map(written)
      .join(" ")
      .replace(/(\[\?\] )+(?=\[\?\])/g, "");
    legible += weight(words);
    const [left, top, right, bottom] = box;
    lines.push({ text, confidence, bbox: [left, top, right, bottom], paragraph });
  }
  const confidence = confidenceOf(all);
  const isLegible = lines.length > 0 && confidence >= illegiblePage && legible >= weight(all) * legibleShare;
  const text = lines
    .map((line, index) => {
      const before = lines[index - 1];
      const gap = !before ? "" : before.paragraph === line.paragraph ? "\n" : "\n\n";
      return gap + line.text;
    })
    .join("");
  return {
    isLegible,
    text,
    confidence,
    lines: lines.map(({ paragraph: _, ...line }) => line),
  };
}

/** Whether a page's readers are to be told that it is hard to read. */
export function isDoubtful({ text, confidence }: Pick<RecognisedPage, "text" | "confidence">): boolean {
  const words = text.split(/\s+/);
  return confidence < doubtfulPage || words.filter((word) => word === doubtMark).length > words.length * doubtfulShare;
}

function written({ text, confidence }: ReadWord): string {
  if (confidence >= doubtfulWord) return text;
  return lettersIn([{ text }]) > shortLine ? `${text} ${doubtMark}` : doubtMark;
}

function isLine(words: readonly ReadWord[], confidence: number): boolean {
  const legible = words.filter((word) => word.confidence >= doubtfulWord);
  if (legible.length === 0 || confidence < illegibleLine) return false;
  const letters = lettersIn(legible);
  if (letters === 0) return confidence >= surePunctuation;
  return letters > shortLine || confidence >= sureShortLine;
}

/** How much was read, as far as it can be believed: right way up it is many times more than any other way. */
export function credit(read: readonly ReadLine[]): number {
  return read
    .filter(isLevel)
    .flatMap(({ words }) => words)
    .filter(({ confidence, text }) => confidence > 0.5 && lettersIn([{ text }]) >= 2)
    .reduce((sum, word) => sum + lettersIn([word]) * (word.confidence - 0.3), 0);
}

/** Whether nobody would turn the page to read it better. */
export function isConvincing(read: readonly ReadLine[]): boolean {
  const words = read.flatMap(({ words: own }) => own).filter((word) => lettersIn([word]) >= 3);
  const level = read.filter(isLevel).flatMap(({ words: own }) => own);
  const sure = level.filter((word) => lettersIn([word]) >= 3).filter(({ confidence }) => confidence >= doubtfulPage);
  return sure.length >= 5 && confidenceOf(words) >= doubtfulPage;
}

/** Engines turn columns of upright letters by themselves: then the page is the one to be turned. */
function isLevel({ words, box: [left, top, right, bottom] }: ReadLine): boolean {
  return lettersIn(words) < 3 || right - left >= bottom - top;
}

/** The mean over characters, so that a speck counts less than a word. */
function confidenceOf(words: readonly ReadWord[]): number {
  const total = weight(words);
  if (total === 0) return 0;
  return words.reduce((sum, { text, confidence }) => sum + text.length * confidence, 0) / total;
}

function weight(words: readonly ReadWord[]): number {
  return words.reduce((sum, { text }) => sum + text.length, 0);
}

function lettersIn(words: readonly { text: string }[]): number {
  return words.reduce((sum, { text }) => sum + (text.match(/[\p{L}\p{N}]/gu)?.length ?? 0), 0);
}

function hasText({ text }: ReadWord): boolean {
  return text.trim() !== "";
}
