import { SluiceError } from "@sluice/contracts";
import type { SectionHead } from "../formats/format.js";
import { blocksText, type FlowSection } from "../writing/blocks.js";
import { FlowText, strikeMark } from "./flow-text.js";
import type { OdfLists } from "./odf-lists.js";
import { OdfLooks, type OdfStyles } from "./odf-styles.js";
import type { XmlHandler } from "./xml.js";

/** Not shown where it stands: deleted text, names of who wrote a remark and when, scripts, fields to fill in again. */
const hidden = new Set(
  "tracked-changes creator date date-string scripts event-listeners forms note-citation index-title-template sequence-decls".split(
    " ",
  ),
);
/** Text that stands apart: it is written below the section. */
const aside = new Set(["note-body", "annotation", "notes"]);
const maxRepeat = 64;

/** Text of an OpenDocument part: paragraphs, headings, lists, tables, notes; slides begin pages. */
export class OdfText implements XmlHandler {
  readonly #sections: (FlowSection & { isPage: boolean })[] = [];
  readonly #body = new FlowText();
  readonly #asides: { flow: FlowText; depth: number }[] = [];
  #notes: string[] = [];
  #head: SectionHead = {};
  #isPage = false;
  #depth = 0;
  #hiddenAt = 0;
  #heading: { level: number; title: string } | null = null;
  readonly #lists: OdfLists;
  readonly #looks: OdfLooks;
  #paragraphs = 0;
  /** How often each open cell or row is repeated. */
  #repeats = 0;

  constructor(lists: OdfLists, styles: OdfStyles) {
    this.#lists = lists;
    this.#looks = new OdfLooks(styles);
  }

  get #flow(): FlowText {
    return this.#asides.at(-1)?.flow ?? this.#body;
  }

  open(name: string, attributes: Record<string, string>): void {
    this.#depth += 1;
    if (this.#hiddenAt > 0) return;
    if (hidden.has(name)) {
      this.#hiddenAt = this.#depth;
      return;
    }
    if (aside.has(name)) this.#asides.push({ flow: new FlowText(), depth: this.#depth });
    switch (name) {
      case "page":
        this.#finish();
        this.#isPage = true;
        break;
      case "h":
        if (!this.#flow.inCell && this.#asides.length === 0) {
          this.#finish();
          this.#heading = { level: Number(attributes["outline-level"]) || 1, title: "" };
        }
        this.#begin(name, attributes);
        break;
      case "p":
        this.#begin(name, attributes);
        break;
      case "span":
        this.#looks.begin(name, attributes);
        if (this.#looks.look.isRaised) this.#flow.superscript();
        break;
      case "list":
        this.#lists.begin(attributes);
        break;
      case "list-item":
        this.#flow.item(this.#lists.mark());
        break;
      case "s":
        this.#add(" ");
        break;
      case "tab":
        this.#flow.raw("\t");
        break;
      case "line-break":
        this.#flow.breakLine(1);
        break;
      case "table-row":
        this.#flow.openRow();
        break;
      case "table-header-rows":
        this.#repeats += 1;
        break;
      case "table-cell":
        this.#flow.openCell(this.#repeats > 0);
        break;
      case "desc":
      case "title":
        // Of a picture.
        this.#paragraphs += 1;
        break;
    }
  }

  text(text: string): void {
    if (this.#hiddenAt === 0 && this.#paragraphs > 0) this.#add(text);
  }

  close(name: string): void {
    const depth = this.#depth--;
    if (this.#hiddenAt > 0) {
      if (this.#hiddenAt === depth) this.#hiddenAt = 0;
      return;
    }
    switch (name) {
      case "h":
      case "p":
        this.#end();
        break;
      case "span":
        this.#looks.end();
        break;
      case "list":
        this.#lists.end();
        break;
      case "table-row":
        this.#flow.closeRow();
        break;
      case "table-header-rows":
        this.#repeats -= 1;
        break;
      case "table-cell":
        this.#flow.closeCell();
        break;
      case "table":
        this.#flow.closeTable();
        this.#flow.breakLine(2);
        break;
      case "desc":
      case "title":
        this.#paragraphs -= 1;
        break;
      case "page":
        this.#finish();
        this.#isPage = false;
    }
    const last = this.#asides.at(-1);
    if (last?.depth !== depth) return;
    this.#asides.pop();
    const own = blocksText(last.flow.take()).trim();
    if (own) this.#notes.push(own);
  }

  /** The sections so far. */
  take(): (FlowSection & { isPage: boolean })[] {
    this.#finish();
    return this.#sections.splice(0);
  }

  #begin(name: string, attributes: Record<string, string>): void {
    this.#looks.begin(name, attributes);
    this.#paragraphs += 1;
    this.#flow.breakLine(1);
  }

  #end(): void {
    this.#looks.end();
    this.#paragraphs -= 1;
    const title = this.#heading?.title.replace(/\s+/g, " ").trim();
    if (this.#heading && this.#asides.length === 0) {
      if (title) this.#head = { level: Math.min(12, this.#heading.level), title };
      this.#heading = null;
      this.#flow.breakLine(2);
    } else this.#flow.breakLine(1);
  }

  #add(text: string): void {
    if (this.#heading && this.#asides.length === 0) this.#heading.title += text;
    this.#flow.strike(this.#looks.look.isStruck === true);
    this.#flow.add(text);
  }

  #finish(): void {
    if (this.#flow.inCell) return;
    const blocks = this.#body.take();
    for (const text of this.#notes) blocks.push({ gap: "\n\n", text });
    this.#notes = [];
    if (blocksText(blocks).trim() || this.#isPage)
      this.#sections.push({ head: this.#head, blocks, isPage: this.#isPage });
    this.#head = {};
  }
}

export interface OdfRow {
  sheet: string;
  isHidden: boolean;
  cells: string[];
}

/** Rows of an OpenDocument spreadsheet as they come. */
export class OdfRows implements XmlHandler {
  isSparse = false;
  readonly #hiddenStyles = new Set<string>();
  readonly #styles: OdfStyles;
  readonly #looks: OdfLooks;
  #style = "";
  #rows: OdfRow[] = [];
  #sheet = "";
  #isHidden = false;
  #cells: string[] = [];
  #cell = "";
  #date: string | null = null;
  #repeatCell = 1;
  #repeatRow = 1;
  #empty = 0;
  #paragraphs = 0;
  #skipped = 0;
  #tables = 0;
  #isStruck = false;

  constructor(styles: OdfStyles) {
    this.#styles = styles;
    this.#looks = new OdfLooks(styles);
  }

  take(): OdfRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  open(name: string, attributes: Record<string, string>): void {
    if (this.#skipped > 0 || hidden.has(name)) {
      this.#skipped += 1;
      return;
    }
    this.#styles.open(name, attributes);
    switch (name) {
      case "style":
        this.#style = attributes.name ?? "";
        break;
      case "table-properties":
        if (attributes.display === "false") this.#hiddenStyles.add(this.#style);
        break;
      case "table":
        this.#tables += 1;
        if (this.#tables > 1) break;
        this.#sheet = attributes.name ?? "";
        this.#isHidden = this.#hiddenStyles.has(attributes["style-name"] ?? "");
        break;
      case "table-row":
        if (this.#tables > 1) break;
        [this.#cells, this.#empty, this.#repeatRow] = [[], 0, count(attributes["number-rows-repeated"])];
        break;
      case "table-cell":
      case "covered-table-cell":
        this.#looks.begin("table-cell", attributes);
        if (this.#tables > 1) break;
        [this.#cell, this.#repeatCell] = ["", count(attributes["number-columns-repeated"])];
        this.#date = attributes["value-type"] === "date" ? (attributes["date-value"] ?? null) : null;
        break;
      case "p":
        if (this.#cell) this.#cell += "\n";
        this.#paragraphs += 1;
        break;
      case "span":
        this.#looks.begin(name, attributes);
        // 10⁹ must not become 109.
        if (this.#looks.look.isRaised && /\d$/.test(this.#cell)) this.#cell += "^";
        break;
      case "s":
        this.#cell += " ";
        break;
    }
  }

  text(text: string): void {
    if (this.#skipped > 0 || this.#paragraphs === 0) return;
    if (text.trim()) this.#strike(this.#looks.look.isStruck === true);
    this.#cell += text;
  }

  close(name: string): void {
    if (this.#skipped > 0) {
      this.#skipped -= 1;
      return;
    }
    this.#styles.close(name);
    if (name === "span" || name === "table-cell" || name === "covered-table-cell") this.#looks.end();
    if (name === "p") {
      this.#strike(false);
      this.#paragraphs -= 1;
    } else if (name === "table") this.#tables -= 1;
    else if (this.#tables > 1) return;
    else if (name === "table-cell" || name === "covered-table-cell") this.#endCell();
    else if (name === "table-row" && this.#cells.length > 0) {
      if (this.#repeatRow > maxRepeat) this.isSparse = true;
      const row = { sheet: this.#sheet, isHidden: this.#isHidden, cells: this.#cells };
      for (let times = Math.min(this.#repeatRow, maxRepeat); times > 0; times -= 1) this.#rows.push(row);
    }
  }

  #strike(isOn: boolean): void {
    if (isOn !== this.#isStruck) this.#cell += strikeMark;
    this.#isStruck = isOn;
  }

  #endCell(): void {
    const text = this.#date?.replace(/T00:00:00(\.0+)?$/, "").replace("T", " ") ?? this.#cell.trim();
    if (!text) {
      this.#empty += this.#repeatCell;
      return;
    }
    if (this.#cells.length > 100_000) throw new SluiceError("document_corrupt");
    if (this.#empty > maxRepeat || this.#repeatCell > maxRepeat) this.isSparse = true;
    for (let gap = Math.min(this.#empty, maxRepeat); gap > 0; gap -= 1) this.#cells.push("");
    for (let times = Math.min(this.#repeatCell, maxRepeat); times > 0; times -= 1) this.#cells.push(text);
    this.#empty = 0;
  }
}

function count(text: string | undefined): number {
  return Math.max(1, Number(text) || 1);
}
