import type { TextRange } from "@sluice/contracts";
import type { Output, Placed, PlacedTable } from "../formats/format.js";
import type { Block } from "../writing/blocks.js";
import { Said } from "../writing/said.js";
import { rowText } from "../writing/table-text.js";
import { MarkupFlow } from "./markup-flow.js";

// Runs of text that something refers to are marked on their way through the layout by characters that no text holds: Unicode
// keeps them for the inside of programs.
const mark = "\ufdd0";
const digits = "\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5\ufdd6\ufdd7\ufdd8\ufdd9\ufdda\ufddb\ufddc\ufddd\ufdde\ufddf\ufde0";
const marks = /\ufdd0([\ufdd1-\ufde0]+)/g;

/** IDs around a run that are kept, the innermost. */
const maxIds = 8;

interface Run {
  ids: readonly string[];
  length: number;
}

/** Where a run of text stands: in a block, or in a row of it. */
interface Spot {
  block: number;
  row: number | null;
  from: number;
  to: number;
}

/** A section's narrative while it is read: its layout, and which of it each ID covers. */
export class NarrativeReader {
  readonly #markup = new MarkupFlow();
  readonly #runs: Run[] = [];
  /** The IDs in force, an entry an open element. */
  readonly #ids: (readonly string[])[] = [];

  open(name: string, attributes: Record<string, string>): void {
    const around = this.#ids.at(-1) ?? [];
    this.#ids.push(attributes.id ? [...around.slice(-maxIds), attributes.id] : around);
    this.#markup.open(name, attributes);
  }

  text(given: string): void {
    const text = given.replace(/[\ufdd0-\ufdef]/g, "");
    const ids = this.#ids.at(-1) ?? [];
    const words = text.replace(/[ \t\r\n\f]+/g, " ").replace(/^ | $/g, "");
    if (ids.length === 0 || !words) {
      this.#markup.text(text);
      return;
    }
    const number = this.#runs.push({ ids, length: words.length }) - 1;
    const label = number.toString(16).replace(/./g, (digit) => digits[Number.parseInt(digit, 16)] ?? "");
    this.#markup.text(text.replace(/^[ \t\r\n\f]*/, (space) => space + mark + label));
  }

  close(name: string): void {
    this.#ids.pop();
    this.#markup.close(name);
  }

  end(): Narrative {
    const spots = new Map<string, Spot[]>();
    const blocks = this.#markup.flow.take().map((block, index) => this.#settle(block, index, spots));
    return new Narrative(blocks, spots);
  }

  #settle(block: Block, index: number, spots: Map<string, Spot[]>): Block {
    const note = (found: Found[], row: number | null, at: (found: Found) => number) => {
      for (const each of found) {
        const from = at(each);
        for (const id of each.run.ids) {
          const known = spots.get(id) ?? [];
          spots.set(id, known);
          known.push({ block: index, row, from, to: from + each.run.length });
        }
      }
    };
    if (!("rows" in block)) {
      const { text, found } = this.#unmark(block.text);
      note(found, null, ({ at }) => at);
      return { ...block, text };
    }
    const rows = block.rows.map((cells, row) => {
      const settled = cells.map((cell) => this.#unmark(cell));
      const lines = settled.map(({ text }) => rowText([text]));
      const isAlone = lines.filter(Boolean).length < 2;
      let start = 0;
      for (const [place, { text, found }] of settled.entries()) {
        const line = lines[place] ?? "";
        const lead = text.length - text.trimStart().length;
        note(
          found,
          row,
          ({ at, run }) => start + Math.max(0, line.indexOf(text.slice(at, at + run.length), at - lead - 1)),
        );
        if (!isAlone) start += line.length + 3;
      }
      return settled.map(({ text }) => text);
    });
    return { ...block, title: block.title && this.#unmark(block.title).text, rows };
  }

  /** The text without the marks, and where they were. */
  #unmark(text: string): { text: string; found: Found[] } {
    const found: Found[] = [];
    let plain = "";
    let end = 0;
    for (const match of text.matchAll(marks)) {
      plain += text.slice(end, match.index);
      end = match.index + match[0].length;
      const number = [...(match[1] ?? "")].reduce((sum, digit) => sum * 16 + digits.indexOf(digit), 0);
      const run = this.#runs[number];
      if (run) found.push({ run, at: plain.length });
    }
    return { text: plain + text.slice(end), found };
  }
}

interface Found {
  run: Run;
  at: number;
}

/** A narrative that was read; once it is written it knows where each ID's text stands. */
export class Narrative {
  readonly blocks: readonly Block[];
  readonly #spots: ReadonlyMap<string, Spot[]>;
  readonly #placed: (Placed | PlacedTable)[] = [];
  /** Asked for as often as entries refer to them. */
  readonly #ranges = new Map<string, TextRange | null>();
  readonly said = new Said();

  constructor(blocks: readonly Block[], spots: ReadonlyMap<string, Spot[]>) {
    this.blocks = blocks;
    this.#spots = spots;
  }

  /** Writes it into the section that is open, on the line after what is before it. */
  async write(out: Output): Promise<void> {
    for (const [index, block] of this.blocks.entries()) {
      const gap = index === 0 ? "\n" : block.gap;
      if ("rows" in block) {
        const placed = await out.table({ ...block, gap });
        this.said.table(placed, block.rows);
        this.#placed.push(placed);
      } else {
        const placed = await out.text(block.text, gap);
        this.said.text(placed, block.text);
        this.#placed.push(placed);
      }
    }
  }

  /** Where the text of an element stands. */
  range(id: string | null): TextRange | null {
    if (id === null || !this.#spots.has(id)) return null;
    const known = this.#ranges.get(id);
    if (known !== undefined) return known;
    const ranges = (this.#spots.get(id) ?? []).flatMap((spot) => this.#rangeOf(spot) ?? []);
    const start = ranges.reduce((least, range) => Math.min(least, range.start), Number.POSITIVE_INFINITY);
    const end = ranges.reduce((most, range) => Math.max(most, range.end), start);
    const range = ranges.length === 0 ? null : { start, end };
    this.#ranges.set(id, range);
    return range;
  }

  #rangeOf({ block, row, from, to }: Spot): TextRange | null {
    const placed = this.#placed[block];
    if (!placed) return null;
    if (row === null) return "at" in placed ? placed.at(from, to) : null;
    const line = "row" in placed ? placed.row(row) : null;
    return line && { start: Math.min(line.start + from, line.end), end: Math.min(line.start + to, line.end) };
  }
}
