import { charsetOf } from "../reading/declared.js";
import { cells, delimiterOf, records } from "../reading/delimited.js";
import { decode, fileEncoding, readSample, readText } from "../reading/encoding.js";
import { lines } from "../reading/lines.js";
import { headingRows } from "../writing/sheets.js";
import type { Format, RowInput } from "./format.js";
import type { Probe } from "./probe.js";

const declaredTypes = new Set([
  "text/csv",
  "text/tab-separated-values",
  "application/csv",
  "text/comma-separated-values",
]);
/** Undeclared, so many lines with so many cells each must agree. */
const [minLines, minColumns] = [4, 3];

/** Delimited text as a table; the text stays as it was written. */
export const csv: Format = {
  name: "csv",
  label: "CSV and TSV",
  family: "text",
  recognise: (probe) => {
    if (probe.mediaType !== "text/plain") return null;
    return declaredTypes.has(probe.declared ?? "") ? 5 : looksDelimited(probe) ? 2 : null;
  },
  keeps: "The lines as they were written, and their cells as a table, whatever parts them.",
  codes: [],
  limits: ["maxExpandedBytes"],
  mediaTypes: ["text/csv"],
  aliases: [...declaredTypes, "text/plain", "application/vnd.ms-excel"],
  async parse(source, out) {
    const encoding = await fileEncoding(source.path, charsetOf(source.declaredType));
    const head = wholeLines(decode(await readSample(source.path, 16_384), encoding), source.size > 16_384);
    const stated = /^sep=(.)$/i.exec(head[0] ?? "")?.[1];
    const delimiter = stated ?? delimiterOf(head)?.delimiter ?? ",";
    const [first, second] = head.slice(stated ? 1 : 0).map((line) => cells(line, delimiter));
    const rows = records(lines(readText(source.path, encoding)), delimiter);
    await out.begin();
    await out.table({ rows: stated ? withoutFirst(rows) : rows, headerRows: headingRows(first ?? [], second) });
  },
};

function looksDelimited({ text, head }: Probe): boolean {
  const all = wholeLines(text(), head.length >= 16_384);
  const found = all.filter((line) => line.trim()).length >= minLines ? delimiterOf(all) : undefined;
  if (!found?.isEven || found.columns < minColumns) return false;
  // Prose has commas, and blanks behind them.
  return found.delimiter !== "," || all.every((line) => !/[a-z], [a-z]/i.test(line));
}

/** The last line of a head may go on. */
function wholeLines(head: string, isCut: boolean): string[] {
  const all = head.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  return isCut ? all.slice(0, -1) : all;
}

/** The line that names the delimiter stays in the text. */
async function* withoutFirst(rows: AsyncIterable<RowInput>): AsyncGenerator<RowInput> {
  let isFirst = true;
  for await (const row of rows) {
    yield isFirst && "line" in row ? { cells: [], line: row.line } : row;
    isFirst = false;
  }
}
