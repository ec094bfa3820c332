import type { SectionHead } from "../formats/format.js";
import { blocksText, type FlowSection } from "../writing/blocks.js";
import { FlowText } from "./flow-text.js";
import type { ListPlace, WordNumbering } from "./word-numbering.js";
import { headingLevel, type WordStyles } from "./word-styles.js";
import type { XmlHandler } from "./xml.js";

/** Not shown: deleted revisions and moved-away text, field codes, older renderings of what is there in a newer one. */
const hidden = new Set(["del", "moveFrom", "delText", "instrText", "Fallback", "pPrChange", "rPrChange"]);

/** A place where another part is shown. */
export interface Inclusion {
  inclusion: string;
}

/** Reads one of a Word file's XML parts: paragraphs, headings, lists, tables, wherever their text hides. */
export class WordReader implements XmlHandler {
  readonly #styles: WordStyles;
  readonly #numbering: WordNumbering;
  /** The list that the paragraph, or its style, is in. */
  #list: Partial<ListPlace> = {};
  readonly #flow = new FlowText();
  readonly #sections: (FlowSection | Inclusion)[] = [];
  #head: SectionHead = {};
  #level: number | undefined;
  #title = "";
  #hidden = 0;
  #inText = 0;
  /** Properties stand before text, and not for a paragraph's mark. */
  #inRun = false;

  constructor(styles: WordStyles, numbering: WordNumbering) {
    this.#styles = styles;
    this.#numbering = numbering;
  }

  open(name: string, attributes: Record<string, string>): void {
    if (this.#hidden > 0 || hidden.has(name)) {
      this.#hidden += 1;
      return;
    }
    switch (name) {
      case "p":
        this.#level = undefined;
        this.#list = {};
        this.#title = "";
        this.#flow.breakLine(1);
        break;
      case "pStyle":
        this.#level = this.#styles.headings.get(attributes.val ?? "") ?? headingLevel(attributes.val ?? "");
        this.#list = { ...this.#styles.lists.get(attributes.val ?? "") };
        if (this.#level && !this.#flow.inCell) this.#finish();
        break;
      case "numId":
        this.#list.id = attributes.val ?? "";
        break;
      case "ilvl":
        this.#list.level = Number(attributes.val) || 0;
        break;
      case "pPr":
        this.#inRun = false;
        break;
      case "r":
        this.#inRun = true;
        this.#flow.strike(false);
        break;
      case "strike":
      case "dstrike":
        if (this.#inRun && !/^(0|false|off)$/.test(attributes.val ?? "1")) this.#flow.strike(true);
        break;
      case "vertAlign":
        if (this.#inRun && attributes.val === "superscript") this.#flow.superscript();
        break;
      case "tr":
        this.#flow.openRow();
        break;
      case "tblHeader":
        if (!/^(0|false)$/.test(attributes.val ?? "1")) this.#flow.headRow();
        break;
      case "tc":
        this.#flow.openCell();
        break;
      case "t":
        this.#inText += 1;
        break;
      case "tab":
      case "ptab":
        this.#write("\t");
        break;
      case "br":
      case "cr":
        this.#flow.breakLine(1);
        break;
      case "noBreakHyphen":
        this.#write("-");
        break;
      case "sym":
        this.#write(symbol(attributes.char ?? ""));
        break;
      case "altChunk":
        this.#finish();
        this.#sections.push({ inclusion: attributes.id ?? "" });
        break;
      case "docPr":
        // A picture's description is its text.
        if (attributes.descr) this.#flow.add(` [${attributes.descr}] `);
        break;
      case "checked":
        this.#flow.add(/^(0|false)$/.test(attributes.val ?? "1") ? " [ ] " : " [x] ");
        break;
    }
  }

  text(text: string): void {
    if (this.#inText > 0 && this.#hidden === 0) this.#write(text);
  }

  close(name: string): void {
    if (this.#hidden > 0) {
      this.#hidden -= 1;
      return;
    }
    if (name === "t") this.#inText -= 1;
    else if (name === "r") {
      this.#inRun = false;
      this.#flow.strike(false);
    } else if (name === "pPr") this.#beginItem();
    else if (name === "tc") this.#flow.closeCell();
    else if (name === "tr") this.#flow.closeRow();
    else if (name === "tbl") {
      this.#flow.closeTable();
      this.#flow.breakLine(2);
    } else if (name === "p") this.#endParagraph();
  }

  /** The sections read since the last call. */
  take(): (FlowSection | Inclusion)[] {
    this.#finish();
    return this.#sections.splice(0);
  }

  /** What the list that the paragraph is in puts before it. */
  #beginItem(): void {
    const { id, level = 0 } = this.#list;
    if (id === undefined) return;
    this.#list = {};
    const mark = this.#numbering.mark({ id, level });
    if (mark && !(this.#level && mark === "- ")) this.#flow.item(mark);
  }

  /** Tabs align, they are not white space to collapse. */
  #write(text: string): void {
    this.#title += text;
    for (const [index, part] of text.split("\t").entries()) {
      if (index > 0) this.#flow.raw("\t");
      this.#flow.add(part);
    }
  }

  #endParagraph(): void {
    if (this.#level && !this.#flow.inCell && this.#title.trim()) {
      this.#head = { level: this.#level, title: this.#title.replace(/\s+/g, " ").trim() };
    }
    this.#flow.breakLine(this.#level ? 2 : 1);
    this.#level = undefined;
  }

  #finish(): void {
    const blocks = this.#flow.take();
    if (blocksText(blocks).trim()) this.#sections.push({ head: this.#head, blocks });
    this.#head = {};
  }
}

/** Symbol fonts keep their characters in the private area; the check boxes are what matters in a form. */
function symbol(char: string): string {
  const code = Number.parseInt(char, 16) & 0xff;
  if ([0x52, 0x53, 0x54, 0xfd, 0xfe].includes(code)) return "☒";
  return code === 0xa8 || code === 0x6f ? "☐" : "•";
}
