import { maxSectionLength, SluiceError } from "@sluice/contracts";
import type { SectionInput } from "../formats/format.js";
import { asWords } from "./words.js";
import type { XmlHandler } from "./xml.js";

/** What a reader has no use for: where the schema is, how white space is meant. */
const machinery = new Set(["schemaLocation", "noNamespaceSchemaLocation", "nil", "space"]);
/** A file shorter than this is one section; in a longer one each run of equal elements below the root is its own. */
const shortLength = 4_000;
const maxIndent = 10;

interface Element {
  name: string;
  facts: string[];
  text: string;
  /** Whether the text has words, and not only the white space between elements. */
  spoken: boolean;
  /** Whether the line with its name is written: only once there is something to say below it. */
  named: boolean;
}

/** A long run of base64 where text is expected. */
export interface Embedded {
  path: string;
  base64: string;
}

/** XML of any vocabulary as an outline: a line an element, `Name (attributes): text`, indented below what it is in. */
export class XmlOutline implements XmlHandler {
  readonly embedded: Embedded[] = [];
  readonly #open: Element[] = [];
  #sections: SectionInput[] = [];
  #lines: string[] = [];
  #length = 0;
  #total = 0;
  #run = "";
  #elements = 0;

  open(name: string, attributes: Record<string, string>): void {
    const parent = this.#open.at(-1);
    // Within a sentence an element is markup; elsewhere it is a line of its own.
    if (parent && !isSentence(parent)) this.#settle(parent);
    if (this.#open.length === 1 && name !== this.#run) this.#endRun(name);
    this.#elements += 1;
    this.#open.push({ name, facts: facts(attributes), text: "", spoken: false, named: false });
  }

  text(text: string): void {
    const element = this.#open.at(-1);
    if (element) {
      element.text += text;
      element.spoken ||= /[\p{L}\p{N}]/u.test(text);
    } else if (/[^\s\p{C}]/u.test(text)) {
      throw new SluiceError("document_corrupt");
    }
  }

  close(): void {
    const element = this.#open.pop();
    if (!element) return;
    const parent = this.#open.at(-1);
    if (parent && isSentence(parent)) parent.text += element.text;
    else if (!this.#embeds(element)) this.#write(element, this.#open);
  }

  /** The sections that are complete. */
  take(): SectionInput[] {
    if (this.#length > maxSectionLength * 2) this.#endRun(this.#run);
    if (this.#total <= shortLength) return [];
    return this.#sections.splice(0);
  }

  /** What is left at the end of the file. */
  end(): SectionInput[] {
    this.#endRun("");
    if (this.#total > shortLength) return this.#sections.splice(0);
    const text = this.#sections.map((section) => section.text).join("\n");
    return text ? [{ text }] : [];
  }

  /** Words between the elements of a structure. */
  #settle(element: Element): void {
    if (element.spoken) this.#write(element, this.#open.slice(0, -1));
    element.text = "";
    element.spoken = false;
  }

  /** An element's own words, below the names of what it is in. */
  #write({ name, facts, text, named }: Element, ancestors: readonly Element[]): void {
    const words = text.trim();
    if (!words && (named || facts.length === 0 || ancestors.length === 0)) return;
    for (const [depth, ancestor] of ancestors.entries()) {
      if (!ancestor.named) this.#line(depth, label(ancestor.name, ancestor.facts));
      ancestor.named = true;
    }
    const depth = ancestors.length;
    if (named) this.#line(depth + 1, words);
    else if (!words) this.#line(depth, `${asWords(name)}: ${facts.join("; ")}`);
    else if (words.includes("\n")) this.#line(depth, `${label(name, facts)}:\n${words}`);
    else this.#line(depth, `${label(name, facts)}: ${words.replace(/\s+/g, " ")}`);
  }

  #embeds({ name, text }: Element): boolean {
    if (text.length < 256 || !/^\s*(\S{60,}\s+)*\S+\s*$/.test(text) || !/^[\w+/\s-]+=*\s*$/.test(text)) return false;
    const path = [...this.#open.map((each) => each.name), name].join("/");
    this.embedded.push({ path: `${path}[${this.#elements}]`, base64: text });
    return true;
  }

  /** The root does not indent what is in it. */
  #line(depth: number, text: string): void {
    const line = "  ".repeat(Math.min(Math.max(depth - 1, 0), maxIndent)) + text;
    this.#lines.push(line);
    this.#length += line.length + 1;
    this.#total += line.length + 1;
  }

  #endRun(next: string): void {
    if (this.#lines.length > 0) this.#sections.push({ title: asWords(this.#run), text: this.#lines.join("\n") });
    this.#lines = [];
    this.#length = 0;
    this.#run = next;
  }
}

/** Words before the first element within it make an element a sentence. */
function isSentence(element: Element): boolean {
  return element.spoken && !element.named;
}

function label(name: string, facts: readonly string[]): string {
  return asWords(name) + (facts.length > 0 ? ` (${facts.join("; ")})` : "");
}

/** What attributes say; `value` is the element's own. */
function facts(attributes: Record<string, string>): string[] {
  return Object.entries(attributes).flatMap(([name, value]) => {
    const words = value.replace(/\s+/g, " ").trim();
    if (!words || machinery.has(name)) return [];
    return name === "value" ? words : `${asWords(name).toLowerCase()} ${words}`;
  });
}
