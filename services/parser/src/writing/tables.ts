import type { Table, TextRange } from "@sluice/contracts";
import type { Gap, PlacedTable, TableInput } from "../formats/format.js";
import { clean, clip } from "./clean.js";
import type { DisplayText } from "./display-text.js";
import { rowText } from "./table-text.js";

/** Bounds of one row of the kind `table`: a longer table goes on in the next, with the same title and heading rows. */
const maxRows = 200;
const maxLength = 32_768;
/** They are repeated in every part. */
const maxHeadings = 5;
const maxTitle = 1_000;

type Row = Table["rows"][number];

/** What the parts of a long table share. */
interface Head {
  title: string | null;
  rows: Row[];
}

/** Renders tables into the display text, a line a row, and keeps their cells beside it. */
export class Tables {
  count = 0;
  readonly #text: DisplayText;
  readonly #emit: (table: Table) => Promise<void>;
  #last: Head = { title: null, rows: [] };

  constructor(text: DisplayText, emit: (table: Table) => Promise<void>) {
    this.#text = text;
    this.#emit = emit;
  }

  async place(input: TableInput): Promise<PlacedTable> {
    const head = input.continues
      ? this.#last
      : { title: clip(clean(input.title ?? "").trim(), maxTitle) || null, rows: [] };
    this.#last = head;
    const ranges = new Ranges(this.#text.length);
    let gap: Gap = input.gap ?? "\n";
    let part = new Part(head);
    let headings = input.continues ? 0 : Math.min(input.headerRows ?? 0, maxHeadings);
    if (head.title && !input.continues) {
      ranges.cover(await this.#text.place(head.title, gap));
      gap = "\n";
    }
    for await (const given of input.rows) {
      const [own, written] = "line" in given ? [given.cells, given.line] : [given, null];
      const cells = own.map((cell) => clean(cell).trim());
      const line = written === null ? rowText(cells) : clean(written).trimEnd();
      const isHeading = cells.length > 0 && headings-- > 0;
      if (!line) {
        ranges.skip();
        continue;
      }
      if (part.isFull(line.length)) {
        await this.#close(part, head);
        part = new Part(head);
      }
      const { start, end } = await this.#text.place(line, gap);
      gap = "\n";
      if (cells.length === 0) {
        ranges.skip();
        continue;
      }
      ranges.add({ start, end });
      const row = { cells, start, end };
      if (isHeading) head.rows.push(row);
      else part.add(row, this.#text, line.length);
      part.note(this.#text);
    }
    await this.#close(part, head, !input.continues);
    return ranges;
  }

  /** `isOnly`: nothing of the table was handed on before, so that its headings alone are a table too. */
  async #close(part: Part, head: Head, isOnly = false): Promise<void> {
    if (part.rows.length === 0 && !(isOnly && head.rows.length > 0 && !part.isLater)) return;
    await this.#emit({
      ordinal: this.count++,
      section: part.section,
      title: head.title,
      headerRows: head.rows.length,
      rows: [...head.rows, ...part.rows],
      pageFrom: part.pageFrom,
      pageTo: part.pageTo,
    });
  }
}

/** The rows of a table that go together. */
class Part {
  readonly rows: Row[] = [];
  /** Whether the headings stand in a part before this one. */
  readonly isLater: boolean;
  section = -1;
  pageFrom: number | null = null;
  pageTo: number | null = null;
  #length = 0;

  constructor(head: Head) {
    this.isLater = head.rows.length > 0;
  }

  isFull(more: number): boolean {
    return this.rows.length >= maxRows || (this.rows.length > 0 && this.#length + more > maxLength);
  }

  add(row: Row, text: DisplayText, length: number): void {
    this.rows.push(row);
    this.#length += length;
    this.note(text);
  }

  /** Where the table has got to. */
  note(text: DisplayText): void {
    if (this.section === -1) this.section = text.sections - 1;
    this.pageTo = text.page?.number ?? null;
    this.pageFrom ??= this.pageTo;
  }
}

/** Two numbers a row: a table may have a million. */
class Ranges implements PlacedTable {
  start: number;
  end: number;
  readonly #offsets: number[] = [];
  #isEmpty = true;

  constructor(position: number) {
    this.start = position;
    this.end = position;
  }

  row(index: number): TextRange | null {
    const [start = -1, end = -1] = this.#offsets.slice(index * 2, index * 2 + 2);
    return start < 0 ? null : { start, end };
  }

  add(range: TextRange): void {
    this.#offsets.push(range.start, range.end);
    this.cover(range);
  }

  skip(): void {
    this.#offsets.push(-1, -1);
  }

  cover({ start, end }: TextRange): void {
    if (this.#isEmpty) this.start = start;
    this.#isEmpty = false;
    this.end = end;
  }
}
