import { SluiceError } from "@sluice/contracts";
import { SheetRow } from "../writing/sheets.js";
import { cellNumber, type NumberKind, numberKind } from "./cell-format.js";
import type { Package } from "./package.js";
import type { XmlHandler } from "./xml.js";

export interface Sheet {
  name: string;
  part: string;
  isHidden: boolean;
}

/** What the sheets of a workbook share. */
export interface Workbook {
  sheets: Sheet[];
  strings: string[];
  /** By a cell's style. */
  kinds: NumberKind[];
  from1904: boolean;
}

export async function readWorkbook(files: Package, part: string): Promise<Workbook> {
  const related = await files.relationships(part);
  const sheets: Sheet[] = [];
  let from1904 = false;
  await files.read(part, {
    open(name, { name: title = "", id = "", state, date1904 }) {
      if (name === "workbookPr") from1904 = /^(1|true)$/.test(date1904 ?? "");
      const target = related.get(id)?.target;
      if (name === "sheet" && target) sheets.push({ name: title, part: target, isHidden: /hidden/i.test(state ?? "") });
    },
    text() {},
    close() {},
  });
  const partOf = (type: string) => [...related.values()].find((each) => each.type === type)?.target ?? "";
  const strings = await sharedStrings(files, partOf("sharedStrings"));
  return { sheets, strings, kinds: await cellKinds(files, partOf("styles")), from1904 };
}

async function sharedStrings(files: Package, part: string): Promise<string[]> {
  const strings: string[] = [];
  let current = "";
  let isShown = false;
  let phonetic = 0;
  await files.read(part, {
    open(name) {
      if (name === "si") current = "";
      if (name === "rPh") phonetic += 1;
      isShown = name === "t" && phonetic === 0;
    },
    text(text) {
      if (isShown) current += text;
    },
    close(name) {
      if (name === "si") strings.push(unescaped(current));
      if (name === "rPh") phonetic -= 1;
      if (name === "t") isShown = false;
    },
  });
  return strings;
}

/** Control characters stand as `_x000D_`. */
function unescaped(text: string): string {
  if (!text.includes("_x")) return text;
  return text.replace(/_x([0-9a-f]{4})_/gi, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

async function cellKinds(files: Package, part: string): Promise<NumberKind[]> {
  const codes = new Map<number, string>();
  const kinds: NumberKind[] = [];
  let inCells = false;
  await files.read(part, {
    open(name, { numFmtId, formatCode = "" }) {
      if (name === "numFmt") codes.set(Number(numFmtId), formatCode);
      if (name === "cellXfs") inCells = true;
      const id = Number(numFmtId ?? 0);
      if (name === "xf" && inCells) kinds.push(numberKind(id, codes.get(id)));
    },
    text() {},
    close(name) {
      if (name === "cellXfs") inCells = false;
    },
  });
  return kinds;
}

/** One sheet's rows as they come, and what stands around them. */
export class SheetReader implements XmlHandler {
  /** Rows that stay in sight, which name the columns. */
  frozenRows = 0;
  isSparse = false;
  /** Page headers and footers. */
  readonly margins: string[] = [];
  readonly #book: Workbook;
  #rows: string[][] = [];
  #row = new SheetRow();
  #column = 0;
  #type = "n";
  #style = 0;
  #value: string | null = null;
  #inValue = false;
  #phonetic = 0;
  #margin = false;

  constructor(book: Workbook) {
    this.#book = book;
  }

  take(): string[][] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  open(name: string, attributes: Record<string, string>): void {
    switch (name) {
      case "pane":
        if (/frozen/.test(attributes.state ?? ""))
          this.frozenRows = Math.max(0, Math.min(5, Number(attributes.ySplit) || 0));
        break;
      case "row":
        [this.#row, this.#column] = [new SheetRow(), 0];
        break;
      case "c":
        if (attributes.r) this.#column = columnOf(attributes.r);
        this.#type = attributes.t ?? "n";
        this.#style = Number(attributes.s ?? 0);
        this.#value = null;
        break;
      case "rPh":
        this.#phonetic += 1;
        break;
      case "v":
      case "t":
        this.#inValue = this.#phonetic === 0;
        break;
      default:
        if (/^(odd|even|first)(Header|Footer)$/.test(name)) {
          this.#margin = true;
          this.margins.push("");
        }
    }
  }

  text(text: string): void {
    if (this.#inValue) this.#value = (this.#value ?? "") + text;
    else if (this.#margin) this.margins[this.margins.length - 1] += text;
  }

  close(name: string): void {
    if (name === "v" || name === "t") this.#inValue = false;
    else if (name === "rPh") this.#phonetic -= 1;
    else if (name === "c") {
      if (!this.#row.put(this.#column, this.#cell())) throw new SluiceError("document_corrupt");
      this.#column += 1;
    } else if (name === "row") {
      if (this.#row.cells.length > 0) this.#rows.push(this.#row.cells);
      this.isSparse ||= this.#row.isSparse;
    } else this.#margin = false;
  }

  #cell(): string {
    const value = this.#value;
    if (value === null) return "";
    const { strings, kinds, from1904 } = this.#book;
    switch (this.#type) {
      case "s":
        return strings[Number(value)] ?? "";
      case "str":
      case "inlineStr":
        return unescaped(value);
      case "b":
        return value.trim() === "1" ? "TRUE" : "FALSE";
      case "e":
        return value;
      case "d":
        return value.replace(/T00:00:00(\.0+)?Z?$/, "");
    }
    const number = Number(value);
    const kind = kinds[this.#style];
    return value.trim() === "" || Number.isNaN(number) || !kind ? value.trim() : cellNumber(number, kind, from1904);
  }
}

/** `BC12` → 54. */
function columnOf(reference: string): number {
  let column = 0;
  for (const sign of reference
    .replace(/[^a-z]/gi, "")
    .toUpperCase()
    .slice(0, 4))
    column = column * 26 + sign.charCodeAt(0) - 64;
  return column - 1;
}

/** A margin's text without its codes: `&L&"Arial"&10Ward 7&P` → `Ward 7`. */
export function marginText(code: string): string {
  return code
    .replace(/&(?:"[^"]*"|\d+|K[0-9A-F]{6}|[LCR])/gi, " ")
    .replace(/&[A-Z]/gi, "")
    .replaceAll("&&", "&")
    .replace(/\s+/g, " ")
    .trim();
}
