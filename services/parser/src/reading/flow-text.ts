import type { Gap } from "../formats/format.js";
import type { Block, TableBlock } from "../writing/blocks.js";
import { rowText } from "../writing/table-text.js";

/** Around what is struck through: somebody has withdrawn it. */
export const strikeMark = "~~";

/** A run of text with its pending white space: spaces collapse, breaks add up to at most a blank line. */
class Frame {
  length = 0;
  /** Breaks that were asked for before the first word. */
  lead = 0;
  readonly #parts: string[] = [];
  #breaks = 0;
  #space = false;
  #prefix = "";
  /** What was said last is struck through, and more may follow. */
  #isStruck = false;

  get text(): string {
    return this.#parts.join("") + (this.#isStruck ? strikeMark : "");
  }

  /** Breaks that are asked for before whatever comes next. */
  get breaks(): number {
    return this.#parts.length === 0 ? Math.max(this.lead, this.#breaks) : this.#breaks;
  }

  get endsInDigit(): boolean {
    return !this.#space && this.#breaks === 0 && /\d$/.test(this.#parts.at(-1) ?? "");
  }

  add(input: string, isStruck = false): void {
    const body = input.replace(/[ \t\r\n\f]+/g, " ");
    const words = body.replace(/^ | $/g, "");
    if (words) {
      if (!isStruck || this.#breaks > 0) this.#endStrike();
      this.#open(body.startsWith(" "));
      if (isStruck && !this.#isStruck) {
        this.#push(strikeMark);
        this.#isStruck = true;
      }
      this.#push(words.replaceAll("\u00a0", " "));
      this.#space = body.endsWith(" ");
    } else if (body) {
      this.#space = true;
    }
  }

  /** As it is: preformatted text, or a row that is already composed. */
  raw(input: string): void {
    if (!input) return;
    this.#endStrike();
    this.#open(false);
    this.#push(input);
    this.#space = false;
  }

  /** Right behind the last word. */
  attach(mark: string): void {
    this.#push(mark);
  }

  #endStrike(): void {
    if (this.#isStruck) this.#push(strikeMark);
    this.#isStruck = false;
  }

  breakLine(count: number): void {
    this.#breaks = Math.max(this.#breaks, count);
  }

  prefix(mark: string): void {
    this.#prefix = mark;
  }

  #open(spaced: boolean): void {
    const last = this.#parts.at(-1);
    if (last === undefined) this.lead = Math.max(this.lead, this.#breaks);
    if (this.#breaks > 0 && last !== undefined) {
      this.#parts[this.#parts.length - 1] = last.trimEnd();
      this.#push("\n".repeat(this.#breaks));
    } else if ((spaced || this.#space) && last !== undefined && !/\s$/.test(last)) {
      this.#push(" ");
    }
    if (this.#prefix) this.#push(this.#prefix);
    this.#prefix = "";
    this.#breaks = 0;
    this.#space = false;
  }

  /** Parts, not one string: looking at the end of a string that grows costs its whole length each time. */
  #push(part: string): void {
    this.#parts.push(part);
    this.length += part.length;
  }
}

/** Cells longer than this that hold several lines are layout, not a table's data. */
const layoutLength = 600;

interface Row {
  cells: string[];
  /** Whether it is in the table's head. */
  isHead: boolean;
  /** Whether all its cells are headings. */
  allHeadings: boolean;
  /** How many frames were open when it began. */
  frame: number;
}

/** Headings of a table beyond these are rows like others. */
const maxHeadings = 5;

/** Readable text out of flowing markup, in blocks: paragraphs, lines and lists as text, tables as rows of cells. */
export class FlowText {
  readonly #frames: Frame[] = [new Frame()];
  #blocks: Block[] = [];
  /** Length of the blocks that are done. */
  #done = 0;
  /** The table whose rows are coming, outside of any cell. */
  #table: TableBlock | null = null;
  #caption: string | null = null;
  readonly #rows: Row[] = [];
  /** For each open cell its row and place: cells that were not closed may end in any order. */
  readonly #places: { row: Row | undefined; index: number }[] = [];
  #isStruck = false;

  get #frame(): Frame {
    return this.#frames.at(-1) as Frame;
  }

  /** Whether a table's cell is open. */
  get inCell(): boolean {
    return this.#frames.length > 1;
  }

  /** Length of what there is outside of open cells. */
  get length(): number {
    return this.#done + (this.#frames[0]?.length ?? 0);
  }

  /** Words between the rows of a table end it: what comes after is another. */
  add(text: string): void {
    if (this.#table && !this.inCell && /[^ \t\r\n\f]/.test(text)) this.#table = null;
    this.#frame.add(text, this.#isStruck);
  }

  /** Whether what is added from here on is struck through. */
  strike(isOn: boolean): void {
    this.#isStruck = isOn;
  }

  raw(text: string): void {
    if (text && !this.inCell) this.#table = null;
    this.#frame.raw(text);
  }

  /** 10⁹ must not become 109: a superscript after a digit is set off. */
  superscript(): void {
    if (this.#frame.endsInDigit) this.#frame.attach("^");
  }

  /** Ends the line (1) or the paragraph (2) before whatever follows. */
  breakLine(count: 1 | 2): void {
    this.#frame.breakLine(count);
  }

  item(mark: string): void {
    this.#frame.breakLine(1);
    this.#frame.prefix(mark);
  }

  openRow(isHead = false): void {
    this.#rows.push({ cells: [], isHead, allHeadings: true, frame: this.#frames.length });
  }

  /** The row that is open belongs to the table's head. */
  headRow(): void {
    const row = this.#rows.at(-1);
    if (row) row.isHead = true;
  }

  openCell(isHeading = false): void {
    const row = this.#rows.at(-1);
    if (row) row.allHeadings &&= isHeading;
    this.#places.push({ row, index: row ? row.cells.push("") - 1 : 0 });
    this.#frames.push(new Frame());
  }

  /** What comes until `closeCaption` is the title of the table that is open. */
  openCaption(): void {
    this.#places.push({ row: undefined, index: 0 });
    this.#frames.push(new Frame());
  }

  closeCaption(): void {
    if (this.#frames.length === 1) return;
    const text = (this.#frames.pop() as Frame).text.trim();
    this.#places.pop();
    if (this.inCell || this.#table) this.#block(text);
    else this.#caption = text || null;
  }

  closeCell(): void {
    if (this.#frames.length === 1) return;
    const text = (this.#frames.pop() as Frame).text.trim();
    const place = this.#places.pop();
    if (place?.row) place.row.cells[place.index] = text;
    else this.#block(text);
  }

  closeRow(): void {
    const row = this.#rows.at(-1);
    if (!row) return;
    while (this.#frames.length > row.frame) this.closeCell();
    this.#rows.pop();
    const filled = row.cells.filter(Boolean);
    if (filled.length === 0) return;
    const isLong = filled.some((cell) => cell.includes("\n") && cell.length > layoutLength);
    // A cell by itself is a row among rows, and elsewhere no table.
    const isRow = filled.length > 1 || (this.#table !== null && !filled[0]?.includes("\n"));
    if (this.inCell ? isLong || filled.length === 1 : isLong || !isRow) {
      this.#settleCaption();
      for (const cell of filled) this.#block(cell);
    } else if (this.inCell) {
      this.#block(rowText(row.cells));
    } else {
      this.#addRow(row);
    }
  }

  closeTable(): void {
    if (this.inCell) return;
    this.#table = null;
    this.#settleCaption();
  }

  /** The title of what turned out to be no table is text. */
  #settleCaption(): void {
    const caption = this.inCell ? null : this.#caption;
    if (!caption) return;
    this.#caption = null;
    this.#block(caption);
  }

  #addRow({ cells, isHead, allHeadings }: Row): void {
    if (!this.#table) {
      this.#table = this.#newTable(false);
      this.#caption = null;
    }
    const { rows } = this.#table;
    const isHeading = isHead || allHeadings;
    if (isHeading && this.#table.headerRows === rows.length && rows.length < maxHeadings && !this.#table.continues) {
      this.#table.headerRows += 1;
    }
    rows.push(cells);
    this.#done += cells.reduce((sum, cell) => sum + cell.length + 3, 0);
    this.#frame.breakLine(1);
  }

  /** Closes the text before, and begins a table's block. */
  #newTable(continues: boolean): TableBlock {
    const gap = gapOf(Math.max(1, this.#frame.breaks));
    this.#endText();
    const table = { gap, title: this.#caption, headerRows: 0, rows: [], continues };
    this.#blocks.push(table);
    return table;
  }

  #endText(): void {
    const frame = this.#frames[0] as Frame;
    if (frame.text)
      this.#blocks.push({ gap: gapOf(Math.max(frame.lead, this.#blocks.length > 0 ? 1 : 0)), text: frame.text });
    this.#done += frame.length;
    this.#frames[0] = new Frame();
  }

  #block(text: string): void {
    this.breakLine(1);
    this.raw(text);
    this.breakLine(1);
  }

  /** What there is so far; begins anew. Open cells stay open, and a table that is open goes on in the next blocks. */
  take(): Block[] {
    const isOpen = this.#table !== null;
    this.#endText();
    const blocks = this.#blocks;
    this.#blocks = [];
    this.#done = 0;
    this.#table = null;
    if (isOpen) this.#table = this.#newTable(true);
    return blocks.filter((block) => !("rows" in block) || block.rows.length > 0);
  }
}

function gapOf(breaks: number): Gap {
  return breaks >= 2 ? "\n\n" : breaks === 1 ? "\n" : "";
}
