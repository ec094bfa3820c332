import type { RowInput } from "../formats/format.js";

const delimiters = [",", "\t", ";", "|"];
/** Quoted cells may hold lines; a quote that is never closed must not swallow the file. */
const maxRecordLines = 200;
const maxRecordLength = 262_144;

/** What parts the cells, by what gives the first lines the same number of them; undefined where nothing does so. */
export function delimiterOf(
  head: readonly string[],
): { delimiter: string; columns: number; isEven: boolean } | undefined {
  let best: { delimiter: string; columns: number; isEven: boolean; score: number } | undefined;
  for (const delimiter of delimiters) {
    const counts = head.filter((line) => line.trim()).map((line) => cells(line, delimiter).length);
    const columns = median(counts);
    if (columns < 2) continue;
    const same = counts.filter((count) => count === columns).length / counts.length;
    const score = same * Math.min(columns, 8);
    if (score > (best?.score ?? 0)) best = { delimiter, columns, isEven: same === 1, score };
  }
  return best;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, two) => one - two)[numbers.length >> 1] ?? 0;
}

/** A record's cells: quotes around them are taken off, doubled ones within are one. */
export function cells(record: string, delimiter: string): string[] {
  const found: string[] = [];
  let at = 0;
  while (at <= record.length) {
    const isQuoted = record[at] === '"';
    let end = isQuoted ? closingQuote(record, at + 1) : at;
    const quoted = isQuoted ? record.slice(at + 1, end).replaceAll('""', '"') : "";
    if (isQuoted) end += 1;
    const next = record.indexOf(delimiter, end);
    const stop = next === -1 ? record.length : next;
    found.push(quoted + record.slice(Math.min(end, stop), stop));
    at = stop + 1;
  }
  return found;
}

function closingQuote(record: string, from: number): number {
  for (let at = record.indexOf('"', from); at !== -1; at = record.indexOf('"', at + 2)) {
    if (record[at + 1] !== '"') return at;
  }
  return record.length;
}

/** Records as rows that keep the lines they are written in. */
export async function* records(lines: AsyncIterable<string>, delimiter: string): AsyncGenerator<RowInput> {
  let open: string[] = [];
  let length = 0;
  for await (const line of lines) {
    open.push(line);
    length += line.length;
    if (!isOpen(open, delimiter)) {
      const record = open.join("\n");
      yield { cells: cells(record, delimiter), line: record };
    } else if (open.length > maxRecordLines || length > maxRecordLength) {
      // A stray quote: these lines are what they look like.
      for (const each of open) yield { cells: each.split(delimiter), line: each };
    } else continue;
    [open, length] = [[], 0];
  }
  for (const each of open) yield { cells: each.split(delimiter), line: each };
}

/** Whether a quote that opens a cell has no end yet. */
function isOpen(open: readonly string[], delimiter: string): boolean {
  if (!open.some((line) => line.includes('"'))) return false;
  const record = open.join("\n");
  let at = 0;
  while (at <= record.length) {
    if (record[at] === '"') {
      const end = closingQuote(record, at + 1);
      if (end >= record.length) return true;
      at = end + 1;
    }
    const next = record.indexOf(delimiter, at);
    const line = record.indexOf("\n", at);
    if (next === -1 && line === -1) return false;
    at = (next === -1 ? line : line === -1 ? next : Math.min(next, line)) + 1;
  }
  return false;
}
