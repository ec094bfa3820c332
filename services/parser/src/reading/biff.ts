import { SluiceError } from "@sluice/contracts";
import { SheetRow } from "../writing/sheets.js";
import { BiffText } from "./biff-text.js";
import { cellNumber, type NumberKind, numberKind } from "./cell-format.js";
import { decode } from "./encoding.js";
import { strikeMark } from "./flow-text.js";
import { pageEncoding } from "./rtf-destinations.js";
import { marginText } from "./xlsx.js";

/** The records that are read; others are passed over. */
const record = {
  formula: 0x06,
  eof: 0x0a,
  header: 0x14,
  footer: 0x15,
  dateMode: 0x22,
  filePass: 0x2f,
  font: 0x31,
  continued: 0x3c,
  pane: 0x41,
  codePage: 0x42,
  sheet: 0x85,
  multipleRk: 0xbd,
  richLabel: 0xd6,
  style: 0xe0,
  drawings: 0xeb,
  sharedStrings: 0xfc,
  sharedLabel: 0xfd,
  drawnText: 0x1b6,
  number: 0x203,
  label: 0x204,
  boolean: 0x205,
  string: 0x207,
  rk: 0x27e,
  format: 0x41e,
  begin: 0x809,
} as const;

const biff8 = 0x600;
const struckFlag = 0x08;
const missingFont = 4;
const errors: Readonly<Record<number, string>> = {
  0: "#NULL!",
  7: "#DIV/0!",
  15: "#VALUE!",
  23: "#REF!",
  29: "#NAME?",
  36: "#NUM!",
  42: "#N/A",
};

interface BiffRecord {
  type: number;
  data: Buffer;
  /** Of the records that continue it. */
  more: Buffer[];
}

export interface BiffSheet {
  name: string;
  isHidden: boolean;
  frozenRows: number;
  isSparse: boolean;
  rows: string[][];
  /** Text boxes and remarks, page headers and footers. */
  around: string[];
}

/** Sheets of a workbook stream of Excel 5 to 2003, one after the other. Fails with `document_encrypted` and `document_corrupt`. */
export function* readBiff(stream: Buffer): Generator<BiffSheet> {
  const book = new Globals(stream);
  for (const { name, isHidden, at } of book.sheets) {
    const sheet = readSheet(stream, at, book);
    yield { name, isHidden, ...sheet };
  }
}

/** The workbook's drawings, which hold its pictures, in one piece. */
export function drawings(stream: Buffer): Buffer {
  const found: Buffer[] = [];
  for (const { type, data, more } of records(stream, 0)) {
    if (type === record.eof) break;
    if (type === record.drawings) found.push(data, ...more);
  }
  return Buffer.concat(found);
}

function* records(stream: Buffer, from: number): Generator<BiffRecord> {
  let at = from;
  const next = () => {
    if (at + 4 > stream.length) return undefined;
    const length = stream.readUInt16LE(at + 2);
    return { type: stream.readUInt16LE(at), data: stream.subarray(at + 4, at + 4 + length), end: at + 4 + length };
  };
  for (let head = next(); head; head = next()) {
    at = head.end;
    const more: Buffer[] = [];
    for (let rest = next(); rest?.type === record.continued; rest = next()) {
      at = rest.end;
      more.push(rest.data);
    }
    yield { type: head.type, data: head.data, more };
  }
}

class Globals {
  readonly sheets: { name: string; isHidden: boolean; at: number }[] = [];
  readonly strings: string[] = [];
  readonly kinds: NumberKind[] = [];
  /** Of each style, whether what it shows is struck through. */
  readonly struck: boolean[] = [];
  from1904 = false;
  isWide = true;
  encoding = "windows-1252";
  readonly #struckFonts: boolean[] = [];
  readonly #codes = new Map<number, string>();

  constructor(stream: Buffer) {
    for (const { type, data, more } of records(stream, 0)) {
      if (type === record.eof) break;
      this.#take(type, data, more);
    }
    if (this.sheets.length === 0) throw new SluiceError("document_corrupt");
  }

  /** A string in a record: in the book's code page, or with a flag that says how wide its characters are. */
  text(data: Buffer, at: number, more: Buffer[] = [], lengthSize: 1 | 2 = 2): string {
    if (this.isWide) return new BiffText([data.subarray(at), ...more]).string(lengthSize);
    const length = lengthSize === 1 ? (data[at] ?? 0) : data.readUInt16LE(at);
    return decode(data.subarray(at + lengthSize, at + lengthSize + length), this.encoding);
  }

  #take(type: number, data: Buffer, more: Buffer[]): void {
    switch (type) {
      case record.begin:
        this.isWide = data.readUInt16LE(0) >= biff8;
        break;
      case record.filePass:
        throw new SluiceError("document_encrypted");
      case record.codePage:
        this.encoding = pageEncoding(data.readUInt16LE(0));
        break;
      case record.dateMode:
        this.from1904 = data.readUInt16LE(0) === 1;
        break;
      case record.format:
        this.#codes.set(data.readUInt16LE(0), this.text(data, 2, more, this.isWide ? 2 : 1));
        break;
      case record.font:
        this.#struckFonts.push((data.readUInt16LE(2) & struckFlag) !== 0);
        break;
      case record.style: {
        const [font, id] = [data.readUInt16LE(0), data.readUInt16LE(2)];
        // There is no fourth font.
        this.struck.push(this.#struckFonts[font > missingFont ? font - 1 : font] === true);
        this.kinds.push(numberKind(id, this.#codes.get(id)));
        break;
      }
      case record.sheet:
        // Charts, macros and modules are no sheets.
        if (data[5] !== 0) break;
        this.sheets.push({
          name: this.text(data, 6, more, 1),
          isHidden: ((data[4] ?? 0) & 3) !== 0,
          at: data.readUInt32LE(0),
        });
        break;
      case record.sharedStrings: {
        const text = new BiffText([data.subarray(8), ...more]);
        for (let left = data.readUInt32LE(4); left > 0 && !text.isAtEnd; left -= 1) this.strings.push(text.string(2));
      }
    }
  }
}

function readSheet(stream: Buffer, from: number, book: Globals): Omit<BiffSheet, "name" | "isHidden"> {
  const cells = new Map<number, Map<number, string>>();
  const around: string[] = [];
  let frozenRows = 0;
  let depth = 0;
  /** The cell whose formula gave the string that follows. */
  let waiting: { row: number; column: number; style: number } | null = null;
  const put = (row: number, column: number, text: string, style = -1) => {
    if (!text) return;
    const own = cells.get(row) ?? new Map<number, string>();
    const isStruck = book.struck[style] && text.trim();
    cells.set(row, own.set(column, isStruck ? strikeMark + text + strikeMark : text));
  };
  const shown = (value: number, style: number) =>
    cellNumber(value, book.kinds[style] ?? { kind: "plain", decimals: 0, digits: 0 }, book.from1904);
  for (const { type, data, more } of records(stream, from)) {
    if (type === record.begin) depth += 1;
    if (type === record.eof) depth -= 1;
    if (depth <= 0) break;
    // Charts within the sheet have streams of their own.
    if (depth > 1) continue;
    if (type === record.string && waiting) {
      put(waiting.row, waiting.column, book.text(data, 0, more), waiting.style);
      waiting = null;
    } else if (type === record.header || type === record.footer) {
      if (data.length > 2) around.push(marginText(book.text(data, 0, more, book.isWide ? 2 : 1)));
    } else if (type === record.pane) {
      frozenRows = Math.min(5, data.readUInt16LE(2));
    } else if (type === record.drawnText && book.isWide && more[0]) {
      around.push(new BiffText(more).characters(data.readUInt16LE(10)).trim());
    } else if (data.length >= 6 && isCell(type)) {
      const [row, column, style] = [data.readUInt16LE(0), data.readUInt16LE(2), data.readUInt16LE(4)];
      if (type === record.sharedLabel) put(row, column, book.strings[data.readUInt32LE(6)] ?? "", style);
      else if (type === record.label || type === record.richLabel) put(row, column, book.text(data, 6, more), style);
      else if (type === record.number) put(row, column, shown(data.readDoubleLE(6), style), style);
      else if (type === record.rk) put(row, column, shown(rkNumber(data.readUInt32LE(6)), style), style);
      else if (type === record.boolean) put(row, column, truth(data[6] ?? 0, data[7] === 1), style);
      else if (type === record.multipleRk) {
        for (let at = 4, index = column; at + 6 <= data.length - 2; at += 6, index += 1) {
          const own = data.readUInt16LE(at);
          put(row, index, shown(rkNumber(data.readUInt32LE(at + 2)), own), own);
        }
      } else if (data.readUInt16LE(12) !== 0xffff) put(row, column, shown(data.readDoubleLE(6), style), style);
      else if (data[6] === 0) waiting = { row, column, style };
      else if (data[6] === 1 || data[6] === 2) put(row, column, truth(data[8] ?? 0, data[6] === 2), style);
    }
  }
  let isSparse = false;
  const rows = [...cells]
    .sort(([one], [two]) => one - two)
    .map(([, own]) => {
      const row = new SheetRow();
      for (const [column, text] of [...own].sort(([one], [two]) => one - two)) row.put(column, text);
      isSparse ||= row.isSparse;
      return row.cells;
    });
  return { rows, frozenRows, isSparse, around: [...new Set(around.filter(Boolean))] };
}

const cellTypes: ReadonlySet<number> = new Set([
  record.sharedLabel,
  record.label,
  record.richLabel,
  record.number,
  record.rk,
  record.multipleRk,
  record.boolean,
  record.formula,
]);

function isCell(type: number): boolean {
  return cellTypes.has(type);
}

function truth(value: number, isError: boolean): string {
  if (isError) return errors[value] ?? "#N/A";
  return value === 0 ? "FALSE" : "TRUE";
}

/** Thirty bits of an integer or of a float's upper half, perhaps a hundredfold. */
function rkNumber(rk: number): number {
  let value: number;
  if (rk & 2) value = (rk | 0) >> 2;
  else {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE((rk & 0xfffffffc) >>> 0, 4);
    value = bytes.readDoubleLE(0);
  }
  return rk & 1 ? value / 100 : value;
}
