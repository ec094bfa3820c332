/** A run of text with its pending white space: spaces collapse, breaks add up to at most a blank line. */
class Frame {
  length = 0;
  readonly #parts: string[] = [];
  #breaks = 0;
  #space = false;
  #prefix = "";

  get text(): string {
    return this.#parts.join("");
  }

  get endsInDigit(): boolean {
    return !this.#space && this.#breaks === 0 && /\d$/.test(this.#parts.at(-1) ?? "");
  }

  add(input: string): void {
    const body = input.replace(/[ \t\r\n\f]+/g, " ");
    const words = body.replace(/^ | $/g, "");
    if (words) {
      this.#open(body.startsWith(" "));
      this.#push(words.replaceAll("\u00a0", " "));
      this.#space = body.endsWith(" ");
    } else if (body) {
      this.#space = true;
    }
  }

  /** As it is: preformatted text, or a row that is already composed. */
  raw(input: string): void {
    if (!input) return;
    this.#open(false);
    this.#push(input);
    this.#space = false;
  }

  breakLine(count: number): void {
    this.#breaks = Math.max(this.#breaks, count);
  }

  prefix(mark: string): void {
    this.#prefix = mark;
  }

  #open(spaced: boolean): void {
    const last = this.#parts.at(-1);
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
  /** How many frames were open when it began. */
  frame: number;
}

/** Readable text out of flowing markup: paragraphs, lines, lists, and tables with a line a row. */
export class FlowText {
  readonly #frames: Frame[] = [new Frame()];
  readonly #rows: Row[] = [];
  /** For each open cell its row and place: cells that were not closed may end in any order. */
  readonly #places: { row: Row | undefined; index: number }[] = [];

  get #frame(): Frame {
    return this.#frames.at(-1) as Frame;
  }

  /** Whether a table's cell is open. */
  get inCell(): boolean {
    return this.#frames.length > 1;
  }

  /** Length of the text outside of open cells. */
  get length(): number {
    return this.#frames[0]?.length ?? 0;
  }

  add(text: string): void {
    this.#frame.add(text);
  }

  raw(text: string): void {
    this.#frame.raw(text);
  }

  /** 10⁹ must not become 109: a superscript after a digit is set off. */
  superscript(): void {
    if (this.#frame.endsInDigit) this.#frame.raw("^");
  }

  /** Ends the line (1) or the paragraph (2) before whatever follows. */
  breakLine(count: 1 | 2): void {
    this.#frame.breakLine(count);
  }

  item(mark: string): void {
    this.#frame.breakLine(1);
    this.#frame.prefix(mark);
  }

  openRow(): void {
    this.#rows.push({ cells: [], frame: this.#frames.length });
  }

  openCell(): void {
    const row = this.#rows.at(-1);
    this.#places.push({ row, index: row ? row.cells.push("") - 1 : 0 });
    this.#frames.push(new Frame());
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
    const isLayout = filled.length === 1 || filled.some((cell) => cell.includes("\n") && cell.length > layoutLength);
    if (filled.length === 0) return;
    if (isLayout) {
      for (const cell of filled) this.#block(cell);
      return;
    }
    this.#block(
      row.cells
        .map((cell) => cell.replace(/\n+/g, "; "))
        .join(" | ")
        .trimEnd(),
    );
  }

  #block(text: string): void {
    this.#frame.breakLine(1);
    this.#frame.raw(text);
    this.#frame.breakLine(1);
  }

  /** What there is so far; begins anew. Open cells stay open. */
  take(): string {
    const text = this.#frames[0]?.text ?? "";
    this.#frames[0] = new Frame();
    return text;
  }
}
