import type { TextRange } from "@sluice/contracts";
import type { Placed, PlacedTable } from "../formats/format.js";
import { rowText } from "./table-text.js";

interface Line {
  text: string;
  /** The text without regard to case and white space. */
  words: string;
  range: TextRange;
}

/** So many characters are gone through for one text; what is not found by then is not found. */
const maxSearched = 500_000_000;
/** What it takes to look at a line, in characters. */
const lineCost = 100;

const wordPattern = /[\p{L}\p{N}]+/gu;

/** The lines that were written of something, to find where the text says what its codes say. */
export class Said {
  readonly #lines: Line[] = [];
  readonly #index = new Map<string, Line[]>();
  #indexed = 0;
  #searched = 0;

  text(placed: Placed, text: string): void {
    let at = 0;
    for (const line of text.split("\n")) {
      if (line.trim()) this.#lines.push({ text: line, words: plain(line), range: placed.at(at, at + line.length) });
      at += line.length + 1;
    }
  }

  table(placed: PlacedTable, rows: readonly (readonly string[])[]): void {
    for (const [index, cells] of rows.entries()) {
      const range = placed.row(index);
      const text = rowText(cells);
      if (range) this.#lines.push({ text, words: plain(text), range });
    }
  }

  /** What was written at a range. */
  textAt(range: TextRange): string {
    const within: Line[] = [];
    for (let at = this.#firstBehind(range.start); at < this.#lines.length; at += 1) {
      const line = this.#lines[at] as Line;
      if (line.range.start >= range.end) break;
      within.push(line);
    }
    const parts = within.map((line) =>
      line.text.slice(Math.max(0, range.start - line.range.start), range.end - line.range.start),
    );
    return parts.join("\n");
  }

  /** The place of the first line that ends behind an offset; lines are in the order in which they were written. */
  #firstBehind(offset: number): number {
    let [low, high] = [0, this.#lines.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lines[middle] as Line).range.end > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The line that says both; else, where `either` will do, the one that gives the value, or the name. */
  find(name: string, value: string | null | undefined, either = false): TextRange | null {
    const [asked, given] = [plain(name), plain(value ?? "")];
    let named: Line | undefined;
    for (const line of this.#saying(asked)) {
      if (!given || says(line.words, given)) return line.range;
      named ??= line;
    }
    if (!given || !either) return null;
    // A short value may stand anywhere, for anything.
    let valued: Line | undefined;
    for (const line of this.#saying(given)) {
      if (/(^|– )value:/.test(line.words)) return line.range;
      valued ??= line;
    }
    return ((given.length > 2 ? valued : undefined) ?? named)?.range ?? null;
  }

  /** Only lines with the rarest of the words are looked at: a section may have thousands of lines, and as many facts. */
  *#saying(asked: string): Generator<Line> {
    if (!asked) return;
    for (; this.#indexed < this.#lines.length; this.#indexed += 1) {
      const line = this.#lines[this.#indexed] as Line;
      for (const word of new Set(line.words.match(wordPattern))) {
        const known = this.#index.get(word);
        if (known) known.push(line);
        else this.#index.set(word, [line]);
      }
    }
    let fewest = this.#lines;
    for (const word of asked.match(wordPattern) ?? []) {
      const having = this.#index.get(word) ?? [];
      if (having.length < fewest.length) fewest = having;
    }
    for (const line of fewest) {
      this.#searched += line.words.length + lineCost;
      if (this.#searched > maxSearched) return;
      if (says(line.words, asked)) yield line;
    }
  }
}

/** Without regard to case and white space. */
export function plain(text: string): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

/** Whether words stand in a line by themselves: `5` is not said by `5.2` or `15`. */
export function says(line: string, words: string): boolean {
  if (!words) return false;
  for (let at = line.indexOf(words); at !== -1; at = line.indexOf(words, at + 1)) {
    const end = at + words.length;
    const goesOn = isWord(line, end) || (/[.,]/.test(line[end] ?? "") && /\d/.test(line[end + 1] ?? ""));
    const goesBefore = isWord(line, at - 1) || (/[.,]/.test(line[at - 1] ?? "") && /\d/.test(line[at - 2] ?? ""));
    if (!goesOn && !goesBefore) return true;
  }
  return false;
}

function isWord(line: string, at: number): boolean {
  return /[\p{L}\p{N}]/u.test(line[at] ?? "");
}
