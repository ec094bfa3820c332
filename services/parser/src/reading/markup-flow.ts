import { FlowText } from "./flow-text.js";

const paragraphs = new Set(
  "p paragraph h1 h2 h3 h4 h5 h6 table list ul ol dl blockquote pre section article fieldset caption hr form figure".split(
    " ",
  ),
);
const lines = new Set(
  "div header footer nav main aside dt dd address center legend title summary figcaption body thead tbody tfoot text".split(
    " ",
  ),
);
/** Never shown to a reader. */
const hidden = new Set("script style template noscript title iframe object applet audio video canvas".split(" "));

/** Text of HTML, and of the narrative of C-CDA, whose tags mean the same. Tag names come in lower case, without prefix. */
export class MarkupFlow {
  readonly flow = new FlowText();
  /** Tables and lists that are open, the innermost last: both have captions. */
  readonly #nest: ("table" | "list")[] = [];
  #heads = 0;
  readonly #lists: { ordered: boolean; count: number }[] = [];
  #hidden = 0;
  #preformatted = 0;

  open(name: string, attributes: Record<string, string>): void {
    if (this.#hidden > 0 || this.#hides(name, attributes)) {
      if (!voidTags.has(name)) this.#hidden += 1;
      return;
    }
    const isTitle = name === "caption" && this.#nest.at(-1) === "table";
    if (isTitle) this.flow.openCaption();
    else if (paragraphs.has(name)) this.flow.breakLine(this.#lists.length > 0 ? 1 : 2);
    else if (lines.has(name) || name === "br") this.flow.breakLine(1);
    switch (name) {
      case "pre":
        this.#preformatted += 1;
        break;
      case "table":
        this.#nest.push("table");
        break;
      case "thead":
        this.#heads += 1;
        break;
      case "ul":
      case "ol":
      case "list":
        this.#nest.push("list");
        this.#lists.push({ ordered: name === "ol" || /^ordered$/i.test(attributes.listtype ?? ""), count: 0 });
        break;
      case "li":
      case "item":
        this.flow.item(this.#mark());
        break;
      case "tr":
        this.flow.openRow(this.#heads > 0);
        break;
      case "td":
      case "th":
        this.flow.openCell(name === "th");
        break;
      case "sup":
        this.flow.superscript();
        break;
      case "del":
      case "s":
      case "strike":
        this.flow.add("~~");
        break;
      case "img":
        if (attributes.alt) this.flow.add(` [${attributes.alt}] `);
        break;
      case "input":
        this.#input(attributes);
        break;
    }
  }

  text(text: string): void {
    if (this.#hidden > 0) return;
    if (this.#preformatted > 0) this.flow.raw(text.replace(/\r\n?/g, "\n"));
    else this.flow.add(text);
  }

  close(name: string): void {
    if (this.#hidden > 0) {
      if (!voidTags.has(name)) this.#hidden -= 1;
      return;
    }
    if (name === "pre") this.#preformatted -= 1;
    if (name === "ul" || name === "ol" || name === "list") {
      this.#lists.pop();
      this.#nest.pop();
    }
    if (name === "table") {
      this.flow.closeTable();
      this.#nest.pop();
    }
    if (name === "thead") this.#heads -= 1;
    if (name === "caption" && this.#nest.at(-1) === "table") {
      this.flow.closeCaption();
      return;
    }
    if (name === "td" || name === "th") this.flow.closeCell();
    if (name === "tr") this.flow.closeRow();
    if (name === "del" || name === "s" || name === "strike") this.flow.add("~~");
    if (paragraphs.has(name)) this.flow.breakLine(this.#lists.length > 0 ? 1 : 2);
    else if (lines.has(name) || name === "li" || name === "item") this.flow.breakLine(1);
  }

  #hides(name: string, attributes: Record<string, string>): boolean {
    return hidden.has(name) || (name === "option" && !("selected" in attributes));
  }

  #mark(): string {
    const list = this.#lists.at(-1);
    const indent = "  ".repeat(Math.max(0, this.#lists.length - 1));
    if (!list?.ordered) return `${indent}- `;
    list.count += 1;
    return `${indent}${list.count}. `;
  }

  /** A filled-in form reads like one. */
  #input(attributes: Record<string, string>): void {
    const type = attributes.type?.toLowerCase() ?? "text";
    if (type === "checkbox" || type === "radio") this.flow.add("checked" in attributes ? " [x] " : " [ ] ");
    else if (!["hidden", "password", "submit", "button", "reset", "image"].includes(type) && attributes.value) {
      this.flow.add(` ${attributes.value} `);
    }
  }
}

const voidTags = new Set("area base br col embed hr img input link meta param source track wbr".split(" "));
