/** Text on a page as it is drawn: `x`, `y` of the beginning of its baseline in points from the upright page's top left corner. */
export interface Run {
  text: string;
  x: number;
  y: number;
  width: number;
  /** Of the font, in points. */
  size: number;
  /** Written from right to left. */
  isRtl?: boolean;
}

/** What stands together in a line, set off by a wide gap from what is beside it. */
interface Cell {
  text: string;
  x: number;
  right: number;
}

export interface Line {
  cells: Cell[];
  y: number;
  size: number;
}

/** A page in reading order. */
export type LayoutBlock = { lines: string[] } | { rows: string[][]; headerRows: number };

const centre = (run: Run) => run.y - run.size * 0.35;
const right = (run: Run) => run.x + run.width;
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * Lines in reading order, and tables where lines stand in columns. What was drawn in reading order stays in that order, since who drew it
 * knew best (columns, captions, side notes); where drawing jumps about (forms and laboratory reports filled in field by field), the order
 * is that of the page: columns of prose one after another, else line by line.
 */
export function layOut(runs: readonly Run[]): LayoutBlock[] {
  const visible = withoutDoubles(runs);
  const words = visible.filter((run) => run.text.trim() !== "");
  const lines = isInOrder(words) ? drawnLines(visible) : arrange(words);
  return blocksOf(lines);
}

/** Bold type is sometimes drawn as the same text twice, a hair apart. */
function withoutDoubles(runs: readonly Run[]): Run[] {
  const seen = new Map<string, Run[]>();
  return runs.filter((run) => {
    if (run.text.trim() === "") return true;
    const same = seen.get(run.text) ?? [];
    const isDouble = same.some(
      (each) => Math.abs(each.x - run.x) < run.size * 0.2 && Math.abs(each.y - run.y) < run.size * 0.2,
    );
    if (!isDouble) same.push(run);
    seen.set(run.text, same);
    return !isDouble;
  });
}

/** Whether drawing went down the page, but for a few jumps to the next column, a header or a footer. */
function isInOrder(runs: readonly Run[]): boolean {
  let jumps = 0;
  for (let i = 1; i < runs.length; i += 1) {
    const [before, run] = [runs[i - 1] as Run, runs[i] as Run];
    const down = run.y - before.y;
    const size = Math.max(run.size, before.size);
    const isUp = down < -size * 0.9;
    const isBack = Math.abs(down) < size * 0.3 && right(run) < before.x - size * 0.5 && !run.isRtl;
    if (isUp || isBack) jumps += 1;
  }
  return jumps <= 3 + runs.length * 0.03;
}

/** Lines as they were drawn: a line ends where drawing goes elsewhere. */
function drawnLines(runs: readonly Run[]): Line[] {
  const lines: Run[][] = [];
  let last: Run | undefined;
  for (const run of runs) {
    const size = Math.max(run.size, last?.size ?? 0);
    const isBeside = last !== undefined && (run.isRtl || (run.x > last.x - size && run.x >= right(last) - size * 2));
    const goesOn = last !== undefined && Math.abs(centre(run) - centre(last)) < size * 0.5 && isBeside;
    if (goesOn) lines.at(-1)?.push(run);
    else lines.push([run]);
    last = run;
  }
  return lines.map(lineOf).filter((line) => line.cells.length > 0);
}

/** Lines by where they stand. */
function arrange(runs: readonly Run[]): Line[] {
  if (runs.length === 0) return [];
  const columns = columnsOf(runs);
  if (columns) return columns.flatMap(arrange);
  const blocks = blocksByGaps(runs);
  if (blocks.length > 1)
    return blocks.flatMap((block) => (columnsOf(block) ? arrange(block) : rowsOf(block).map(lineOf)));
  return rowsOf(runs).map(lineOf);
}

/** Runs by rows, from the top, each from the left. */
function rowsOf(runs: readonly Run[]): Run[][] {
  const rows: Run[][] = [];
  for (const run of [...runs].sort((a, b) => centre(a) - centre(b))) {
    const row = rows.at(-1);
    const first = row?.[0];
    if (row && first && centre(run) - centre(first) < Math.min(run.size, first.size) * 0.5) row.push(run);
    else rows.push([run]);
  }
  return rows.map((row) => row.sort((a, b) => (isRtlRow(row) ? b.x - a.x : a.x - b.x)));
}

function isRtlRow(row: readonly Run[]): boolean {
  return row.filter(({ isRtl }) => isRtl).length > row.length / 2;
}

/** Parts of a page that are set off from one another by white space from side to side. */
function blocksByGaps(runs: readonly Run[]): Run[][] {
  const rows = rowsOf(runs);
  const gap = median(runs.map(({ size }) => size)) * 1.8;
  const blocks: Run[][] = [];
  let bottom = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    const top = Math.min(...row.map((run) => run.y - run.size));
    if (blocks.length === 0 || top - bottom > gap) blocks.push([]);
    blocks.at(-1)?.push(...row);
    bottom = Math.max(...row.map((run) => run.y));
  }
  return blocks;
}

/** The two sides of a gutter, where both sides are prose; tables have gutters, too, and are read across. */
function columnsOf(runs: readonly Run[]): [Run[], Run[]] | undefined {
  const least = Math.max(10, median(runs.map(({ size }) => size)));
  const sorted = [...runs].sort((a, b) => a.x - b.x);
  let end = Number.NEGATIVE_INFINITY;
  const gutters: number[] = [];
  for (const run of sorted) {
    if (run.x - end > least && end > Number.NEGATIVE_INFINITY) gutters.push((run.x + end) / 2);
    end = Math.max(end, right(run));
  }
  for (const gutter of gutters) {
    const sides: [Run[], Run[]] = [runs.filter((run) => run.x < gutter), runs.filter((run) => run.x >= gutter)];
    if (sides.every(isProse)) return sides;
  }
  return undefined;
}

function isProse(runs: readonly Run[]): boolean {
  const rows = rowsOf(runs);
  if (rows.length < 5) return false;
  const left = Math.min(...runs.map(({ x }) => x));
  const width = Math.max(...runs.map(right)) - left;
  const filled = rows.filter((row) => Math.max(...row.map(right)) - Math.min(...row.map(({ x }) => x)) > width * 0.6);
  const words = rows.map(
    (row) =>
      row
        .map(({ text }) => text)
        .join(" ")
        .split(/\s+/).length,
  );
  return filled.length >= rows.length * 0.5 && median(words) >= 4;
}

/** Runs joined into cells: a narrow gap is a space, a wide one a boundary. */
function lineOf(runs: readonly Run[]): Line {
  const cells: Cell[] = [];
  let last: Run | undefined;
  let spaced = false;
  for (const run of runs) {
    if (run.text.trim() === "") {
      spaced = true;
      continue;
    }
    const cell = cells.at(-1);
    const gap = last ? (run.isRtl ? last.x - right(run) : run.x - right(last)) : 0;
    const size = Math.max(run.size, last?.size ?? 0);
    if (!cell || !last || gap > size * 1.4) {
      cells.push({ text: run.text.trim(), x: run.x, right: right(run) });
    } else {
      cell.text += joint(cell.text, last, run, gap > size * 0.15 || (spaced && gap > 0) || spaced) + run.text.trim();
      cell.x = Math.min(cell.x, run.x);
      cell.right = Math.max(cell.right, right(run));
    }
    // A run may end in the space before the next one.
    spaced = /\s$/.test(run.text);
    last = run;
  }
  return { cells, y: median(runs.map(({ y }) => y)), size: median(runs.map(({ size }) => size)) };
}

/** 10⁹ must not become 109, nor a word with a footnote's number another word: raised digits after them are set off. */
function joint(before: string, last: Run, run: Run, isSpaced: boolean): string {
  if (isSpaced || /^\s/.test(run.text)) return " ";
  const isRaised = run.size < last.size * 0.85 && run.y < last.y - last.size * 0.2;
  if (!isRaised || !/^\d/.test(run.text)) return "";
  return /\d$/.test(before) ? "^" : /\p{L}{4}$/u.test(before) ? " " : "";
}

const bullet = /^([•·▪‣◦●○■–—*-]|\(?[\divxa-z]{1,3}[.)])$/i;

/** Text and tables: lines that stand in the same columns, three and more of them, are a table. */
function blocksOf(lines: readonly Line[]): LayoutBlock[] {
  const blocks: LayoutBlock[] = [];
  for (let i = 0; i < lines.length; ) {
    const table = tableAt(lines, i);
    if (table) {
      blocks.push(table.block);
      i += table.lines;
      continue;
    }
    const text = (lines[i] as Line).cells.map((cell) => cell.text).join(" ");
    const block = blocks.at(-1);
    if (block && "lines" in block) block.lines.push(text);
    else blocks.push({ lines: [text] });
    i += 1;
  }
  return blocks;
}

interface Column {
  x: number;
  right: number;
}

function tableAt(lines: readonly Line[], from: number): { block: LayoutBlock; lines: number } | undefined {
  const first = lines[from];
  if (!first || !isTabular(first)) return undefined;
  let columns: Column[] = [];
  const taken: Line[] = [];
  let tabular = 0;
  for (let i = from; i < lines.length; i += 1) {
    const line = lines[i] as Line;
    const before = taken.at(-1);
    if (before && Math.abs(line.y - before.y) > Math.max(line.size, before.size) * 3.5) break;
    const wider = merge(columns, line.cells);
    // Where a line lies across columns of those before it, it is no row of theirs.
    if (taken.length > 0 && wider.length < columns.length) break;
    if (!isTabular(line) && !(isWithin(columns, line) && lines.slice(i + 1, i + 3).some((next) => isTabular(next))))
      break;
    columns = wider;
    taken.push(line);
    if (isTabular(line)) tabular += 1;
  }
  while (taken.length > 0 && !isTabular(taken.at(-1) as Line)) taken.pop();
  if (columns.length < 2 || tabular < (columns.length === 2 ? 4 : 3)) return undefined;
  const rows = taken.map(({ cells }) => {
    const row = columns.map(() => "");
    for (const cell of cells) {
      const at = columns.findIndex((column) => cell.x < column.right && cell.right > column.x);
      row[at] = row[at] ? `${row[at]} ${cell.text}` : cell.text;
    }
    return row;
  });
  return { block: { rows, headerRows: headerRowsOf(rows) }, lines: taken.length };
}

function isTabular({ cells }: Line): boolean {
  return cells.length >= 2 && !(cells.length === 2 && bullet.test(cells[0]?.text ?? ""));
}

/** A cell that was broken into lines: all of it in one column. */
function isWithin(columns: readonly Column[], { cells }: Line): boolean {
  return (
    cells.length === 1 &&
    columns.filter((column) => cells.some((cell) => cell.x < column.right && cell.right > column.x)).length === 1
  );
}

/** The columns, widened by cells; those that a cell lies across become one. */
function merge(columns: readonly Column[], cells: readonly Cell[]): Column[] {
  const all = [...columns, ...cells].map(({ x, right: end }) => ({ x, right: end })).sort((a, b) => a.x - b.x);
  const merged: Column[] = [];
  for (const column of all) {
    const last = merged.at(-1);
    if (last && column.x < last.right) last.right = Math.max(last.right, column.right);
    else merged.push(column);
  }
  return merged;
}

/** Words above numbers. */
function headerRowsOf(rows: readonly string[][]): number {
  const [first, ...rest] = rows;
  const hasDigit = (row: readonly string[]) => row.some((cell) => /\d/.test(cell));
  return first &&
    !hasDigit(first) &&
    first.filter(Boolean).length > 1 &&
    rest.filter(hasDigit).length >= rest.length / 2
    ? 1
    : 0;
}
