/** A run of text with its pending white space: spaces collapse, breaks add up to at most a blank line. */
class Frame {
  text = "";
  #breaks = 0;
  #space = false;
  #prefix = "";

  add(input: string): void {
    const body = input.replace(/[ \t\r\n\f]+/g, " ");
    const words = body.replace(/^ | $/g, "");
    if (words) {
      this.#open(body.startsWith(" "));
      this.text += words.replaceAll("\u00a0", " ");
      this.#space = body.endsWith(" ");
    } else if (body) {
      this.#space = true;
    }
  }

  /** As it is: preformatted text, or a row that is already composed. */
  raw(input: string): void {
    if (!input) return;
    this.#open(false);
    this.text += input;
    this.#space = false;
  }

  breakLine(count: number): void {
    this.#breaks = Math.max(this.#breaks, count);
  }

  prefix(mark: string): void {
    this.#prefix = mark;
  }

  #open(spaced: boolean): void {
    if (this.#breaks && this.text) this.text = `${this.text.trimEnd()}${"\n".repeat(this.#breaks)}`;
    else if ((spaced || this.#space) && this.text && !/\s$/.test(this.text)) this.text += " ";
    this.text += this.#prefix;
    this.#prefix = "";
    this.#breaks = 0;
    this.#space = false;
  }
}

/** Cells longer than this that hold several lines are layout, not a table's data. */
const layoutLength = 600;

/** Readable text out of flowing markup: paragraphs, lines, lists, and tables with a line a row. */
export class FlowText {
  #frames: Frame[] = [new Frame()];
  #rows: { cells: string[]; frame: number }[] = [];

  get #frame(): Frame {
    return this.#frames.at(-1) as Frame;
  }

  /** Whether a table's cell is open. */
  get inCell(): boolean {
    return this.#frames.length > 1;
  }

  /** Length of the text outside of open cells. */
  get length(): number {
    return this.#frames[0]?.text.length ?? 0;
  }

  add(text: string): void {
    this.#frame.add(text);
  }

  raw(text: string): void {
    this.#frame.raw(text);
  }

  /** 10⁹ must not become 109: a superscript after a digit is set off. */
  superscript(): void {
    if (/\d$/.test(this.#frame.text)) this.#frame.raw("^");
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
    this.#frames.push(new Frame());
  }

  closeCell(): void {
    if (this.#frames.length === 1) return;
    const text = (this.#frames.pop() as Frame).text.trim();
    const row = this.#rows.at(-1);
    if (row) row.cells.push(text);
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
