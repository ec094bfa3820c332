import type { Output, RowInput } from "../formats/format.js";

/** Cells in a row of a sheet, by every program that writes them. */
export const maxColumns = 16_384;
/** Empty cells in a row beyond these are no table any more. */
const maxGap = 64;

/** A row's cells by their columns. Cells far out keep their order but not their distance. */
export class SheetRow {
  readonly cells: string[] = [];
  isSparse = false;
  #column = 0;

  /** Columns are counted from 0 and come in order; `maxColumns` and beyond are refused. */
  put(column: number, text: string): boolean {
    if (column < 0 || column >= maxColumns) return false;
    if (!text) return true;
    const gap = column - this.#column;
    if (gap > maxGap) this.isSparse = true;
    for (let count = Math.min(gap, maxGap); count > 0; count -= 1) this.cells.push("");
    this.cells.push(text);
    this.#column = Math.max(this.#column, column) + 1;
    return true;
  }
}

/** Writes a sheet as a section with one table; one without a filled cell leaves nothing. Answers whether there was any. */
export async function writeSheet(
  out: Output,
  name: string,
  rows: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  frozenRows: () => number = () => 0,
): Promise<boolean> {
  const source = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  const first = await source.next();
  if (first.done) return false;
  const second = await source.next();
  async function* all(): AsyncGenerator<RowInput> {
    yield first.value as readonly string[];
    if (second.done) return;
    yield second.value;
    for (let row = await source.next(); !row.done; row = await source.next()) yield row.value;
  }
  await out.begin({ title: name || null });
  if (name) await out.text(name);
  const headerRows = frozenRows() || headingRows(first.value, second.done ? undefined : second.value);
  await out.table({ rows: all(), headerRows });
  return true;
}

/** Whether a table's first row names its columns: words over something that is counted or dated. */
export function headingRows(first: readonly string[], second: readonly string[] | undefined): number {
  if (first.length < 2 || !second) return 0;
  const areNames = first.every((cell) => cell.trim() !== "" && !isValue(cell)) && new Set(first).size === first.length;
  return areNames && second.some(isValue) ? 1 : 0;
}

function isValue(cell: string): boolean {
  return /^\s*[<>≤≥~]?\s*[+-]?[\d.,:/\s-]*\d[\d.,:/\s%-]*$/.test(cell);
}
