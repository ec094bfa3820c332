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
/** What is struck out in these is in their items and cells. */
const containers = new Set("table thead tbody tfoot tr list ul ol dl".split(" "));
const contents = new Set("td th li item dt dd caption".split(" "));
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
  /** What the open elements are of what is struck out, and how many of them are. */
  readonly #strikes: ("around" | "mark" | null)[] = [];
  readonly #struck = { around: 0, mark: 0 };
  /** The mark before what is struck out is still to be set. */
  #isMarkDue = false;

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
      case "img":
        if (attributes.alt) this.flow.add(` [${attributes.alt}] `);
        break;
      case "input":
        this.#input(attributes);
        break;
    }
    this.#strike(name, attributes);
  }

  text(given: string): void {
    if (this.#hidden > 0) return;
    let text = given;
    if (this.#isMarkDue && text.trim()) {
      this.#isMarkDue = false;
      text = text.trimStart();
      this.flow.add(text === given ? "~~" : " ~~");
    }
    if (this.#preformatted > 0) this.flow.raw(text.replace(/\r\n?/g, "\n"));
    else this.flow.add(text);
  }

  close(name: string): void {
    if (this.#hidden > 0) {
      if (!voidTags.has(name)) this.#hidden -= 1;
      return;
    }
    this.#unstrike();
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
    if (paragraphs.has(name)) this.flow.breakLine(this.#lists.length > 0 ? 1 : 2);
    else if (lines.has(name) || name === "li" || name === "item") this.flow.breakLine(1);
  }

  /** What its author struck out stays, between marks. */
  #strike(name: string, attributes: Record<string, string>): void {
    const isContainer = containers.has(name);
    const isStruck = isStruckOut(name, attributes) || (this.#struck.around > 0 && contents.has(name));
    const kind = !isStruck ? null : isContainer ? "around" : "mark";
    this.#strikes.push(kind);
    if (!kind) return;
    this.#struck[kind] += 1;
    if (kind === "mark" && this.#struck.mark === 1) this.#isMarkDue = true;
  }

  #unstrike(): void {
    const kind = this.#strikes.pop();
    if (!kind) return;
    this.#struck[kind] -= 1;
    if (kind !== "mark" || this.#struck.mark > 0) return;
    if (!this.#isMarkDue) this.flow.add("~~");
    this.#isMarkDue = false;
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

function isStruckOut(name: string, { stylecode = "", revised = "", style = "" }: Record<string, string>): boolean {
  return (
    /^(del|s|strike)$/.test(name) ||
    /strike/i.test(stylecode) ||
    /^delete$/i.test(revised) ||
    /line-through/i.test(style)
  );
}

const voidTags = new Set("area base br col embed hr img input link meta param source track wbr".split(" "));
