import { SluiceError } from "@sluice/contracts";
import { SheetRow } from "../writing/sheets.js";
import { cellNumber, type NumberKind, numberKind } from "./cell-format.js";
import { strikeMark } from "./flow-text.js";
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
  styles: CellStyle[];
  from1904: boolean;
}

interface CellStyle {
  kind: NumberKind;
  isStruck: boolean;
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
  return { sheets, strings, styles: await cellStyles(files, partOf("styles")), from1904 };
}

async function sharedStrings(files: Package, part: string): Promise<string[]> {
  const strings: string[] = [];
  let current = new RichText();
  let isShown = false;
  let phonetic = 0;
  await files.read(part, {
    open(name, attributes) {
      if (name === "si") current = new RichText();
      current.open(name, attributes);
      if (name === "rPh") phonetic += 1;
      isShown = name === "t" && phonetic === 0;
    },
    text(text) {
      if (isShown) current.add(text);
    },
    close(name) {
      if (name === "si") strings.push(unescaped(current.end()));
      if (name === "rPh") phonetic -= 1;
      if (name === "t") isShown = false;
    },
  });
  return strings;
}

/** A cell's text in runs, of which some are struck through or raised. */
class RichText {
  #text = "";
  #isRaised = false;
  #isStruck = false;
  #isOpen = false;

  open(name: string, { val }: Record<string, string>): void {
    if (name === "r") [this.#isRaised, this.#isStruck] = [false, false];
    else if (name === "vertAlign") this.#isRaised = val === "superscript";
    else if (name === "strike") this.#isStruck = isOn(val);
  }

  add(text: string): void {
    this.#strike(this.#isStruck);
    // 10⁹ must not become 109.
    if (this.#isRaised && /\d$/.test(this.#text)) this.#text += "^";
    this.#isRaised = false;
    this.#text += text;
  }

  end(): string {
    this.#strike(false);
    return this.#text;
  }

  #strike(isStruck: boolean): void {
    if (isStruck !== this.#isOpen) this.#text += strikeMark;
    this.#isOpen = isStruck;
  }
}

function isOn(value: string | undefined): boolean {
  return !/^(0|false)$/.test(value ?? "1");
}

/** Control characters stand as `_x000D_`. */
function unescaped(text: string): string {
  if (!text.includes("_x")) return text;
  return text.replace(/_x([0-9a-f]{4})_/gi, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

async function cellStyles(files: Package, part: string): Promise<CellStyle[]> {
  const codes = new Map<number, string>();
  const struckFonts: boolean[] = [];
  const styles: CellStyle[] = [];
  let inCells = false;
  let inFonts = false;
  await files.read(part, {
    open(name, { numFmtId, fontId, val, formatCode = "" }) {
      if (name === "fonts") inFonts = true;
      if (name === "font" && inFonts) struckFonts.push(false);
      if (name === "strike" && inFonts) struckFonts[struckFonts.length - 1] = isOn(val);
      if (name === "numFmt") codes.set(Number(numFmtId), formatCode);
      if (name === "cellXfs") inCells = true;
      const id = Number(numFmtId ?? 0);
      if (name === "xf" && inCells) {
        styles.push({ kind: numberKind(id, codes.get(id)), isStruck: struckFonts[Number(fontId ?? 0)] === true });
      }
    },
    text() {},
    close(name) {
      if (name === "cellXfs") inCells = false;
      if (name === "fonts") inFonts = false;
    },
  });
  return styles;
}

/** One sheet's rows as they come, and what stands around them. */
export class SheetReader implements XmlHandler {
  /** Rows that stay in sight, which name the columns. */
  frozenRows = 0;
  isSparse = false;
  /** Formulas without a stored value, which nobody has worked out. */
  unvalued = 0;
  /** Page headers and footers. */
  readonly margins: string[] = [];
  readonly #book: Workbook;
  #rows: string[][] = [];
  #row = new SheetRow();
  #column = 0;
  #type = "n";
  #style = 0;
  #value: string | null = null;
  #rich = new RichText();
  #formula = "";
  #inFormula = false;
  #inValue = false;
  #isRich = false;
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
        this.#rich = new RichText();
        this.#formula = "";
        break;
      case "f":
        this.#inFormula = true;
        break;
      case "rPh":
        this.#phonetic += 1;
        break;
      case "v":
      case "t":
        this.#inValue = this.#phonetic === 0;
        this.#isRich = name === "t";
        // A formula may come to an empty string.
        if (name === "v") this.#value = "";
        break;
      default:
        this.#rich.open(name, attributes);
        if (/^(odd|even|first)(Header|Footer)$/.test(name)) {
          this.#margin = true;
          this.margins.push("");
        }
    }
  }

  text(text: string): void {
    if (this.#inValue && this.#isRich) this.#rich.add(text);
    else if (this.#inValue) this.#value = (this.#value ?? "") + text;
    else if (this.#inFormula) this.#formula += text;
    else if (this.#margin) this.margins[this.margins.length - 1] += text;
  }

  close(name: string): void {
    if (name === "v" || name === "t") this.#inValue = false;
    else if (name === "f") this.#inFormula = false;
    else if (name === "rPh") this.#phonetic -= 1;
    else if (name === "c") {
      if (!this.#row.put(this.#column, this.#shown())) throw new SluiceError("document_corrupt");
      this.#column += 1;
    } else if (name === "row") {
      if (this.#row.cells.length > 0) this.#rows.push(this.#row.cells);
      this.isSparse ||= this.#row.isSparse;
    } else this.#margin = false;
  }

  #shown(): string {
    const text = this.#cell();
    const isStruck = this.#book.styles[this.#style]?.isStruck && text.trim() && !text.includes(strikeMark);
    return isStruck ? strikeMark + text + strikeMark : text;
  }

  #cell(): string {
    const value = this.#value ?? (this.#rich.end() || null);
    if (value === null && this.#formula) {
      this.unvalued += 1;
      return `=${this.#formula}`;
    }
    if (value === null) return "";
    const { strings, styles, from1904 } = this.#book;
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
    const kind = styles[this.#style]?.kind;
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
