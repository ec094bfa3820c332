import type { TextRange } from "@sluice/contracts";
import type { Placed, PlacedTable } from "../formats/format.js";
import { rowText } from "./table-text.js";

/** The lines that were written of something, to find where the text says what its codes say. */
export class Said {
  readonly #lines: { text: string; words: string; range: TextRange }[] = [];

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
    const within = this.#lines.filter((line) => line.range.start < range.end && line.range.end > range.start);
    const parts = within.map((line) =>
      line.text.slice(Math.max(0, range.start - line.range.start), range.end - line.range.start),
    );
    return parts.join("\n");
  }

  /** The line that says both; else, where `either` will do, the one that gives the value, or the name. */
  find(name: string, value: string | null | undefined, either = false): TextRange | null {
    const [asked, given] = [plain(name), plain(value ?? "")];
    const named = asked ? this.#lines.filter(({ words }) => says(words, asked)) : [];
    if (!given) return named[0]?.range ?? null;
    const both = named.find(({ words }) => says(words, given));
    if (both || !either) return both?.range ?? null;
    // A short value may stand anywhere, for anything.
    const valued = this.#lines.filter(({ words }) => says(words, given));
    const labelled = valued.find(({ words }) => /(^|– )value:/.test(words));
    return (labelled ?? (given.length > 2 ? valued[0] : undefined) ?? named[0])?.range ?? null;
  }
}

/** Without regard to case and white space. */
export function plain(text: string): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

/** Whether words stand in a line by themselves: `5` is not said by `5.2` or `15`. */
export function says(line: string, words: string): boolean {
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
