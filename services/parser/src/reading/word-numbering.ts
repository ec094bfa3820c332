import { counted } from "./counts.js";
import type { XmlHandler } from "./xml.js";

/** A paragraph's place in a list, as the paragraph or its style says it. */
export interface ListPlace {
  id: string;
  level: number;
}

interface Level {
  start: number;
  format: string;
  text: string;
}

interface List {
  abstract: string;
  /** By level: where this list begins anew. */
  starts: Map<number, number>;
}

const levels = 9;

/** The lists of a Word file, which count their paragraphs as they come. */
export class WordNumbering implements XmlHandler {
  readonly #abstract = new Map<string, Level[]>();
  readonly #lists = new Map<string, List>();
  /** By abstract list: how far each level has come. */
  readonly #counts = new Map<string, (number | undefined)[]>();
  readonly #begun = new Set<string>();
  #levels: Level[] | null = null;
  #level: Level | null = null;
  #list: List | null = null;
  #override = 0;

  open(name: string, attributes: Record<string, string>): void {
    const value = attributes.val ?? "";
    switch (name) {
      case "abstractNum":
        this.#levels = [];
        this.#abstract.set(attributes.abstractNumId ?? "", this.#levels);
        break;
      case "lvl":
        this.#level = { start: 1, format: "decimal", text: "" };
        if (this.#levels && levelOf(attributes.ilvl) < levels) this.#levels[levelOf(attributes.ilvl)] = this.#level;
        break;
      case "start":
        if (this.#level) this.#level.start = Number(value) || 0;
        break;
      case "numFmt":
        if (this.#level) this.#level.format = value;
        break;
      case "lvlText":
        if (this.#level) this.#level.text = value;
        break;
      case "num":
        this.#list = { abstract: "", starts: new Map() };
        this.#lists.set(attributes.numId ?? "", this.#list);
        break;
      case "abstractNumId":
        if (this.#list) this.#list.abstract = value;
        break;
      case "lvlOverride":
        this.#override = levelOf(attributes.ilvl);
        break;
      case "startOverride":
        this.#list?.starts.set(this.#override, Number(value) || 0);
    }
  }

  text(): void {}

  close(name: string): void {
    if (name === "abstractNum") this.#levels = null;
    if (name === "lvl") this.#level = null;
    if (name === "num") this.#list = null;
  }

  /** What stands before the next paragraph at this place, with its blank; empty where it is in no list. */
  mark({ id, level }: ListPlace): string {
    const list = this.#lists.get(id);
    const own = this.#abstract.get(list?.abstract ?? "");
    const at = own?.[level];
    // Zero takes a paragraph out of its style's list.
    if (id === "0") return "";
    if (!list || !own || !at || at.format === "bullet") return "- ";
    const counts = this.#counts.get(list.abstract) ?? [];
    this.#counts.set(list.abstract, counts);
    const start = list.starts.get(level);
    const isNew = start !== undefined && !this.#begun.has(`${id} ${level}`);
    this.#begun.add(`${id} ${level}`);
    counts[level] = isNew ? start : (counts[level] ?? at.start - 1) + 1;
    counts.length = level + 1;
    const text = at.text.replace(/%([1-9])/g, (_whole, digit: string) => {
      const other = own[Number(digit) - 1];
      return other ? shown(counts[Number(digit) - 1] ?? other.start, other.format) : "";
    });
    return text.trim() ? `${text.trim()} ` : "";
  }
}

function levelOf(text: string | undefined): number {
  return Math.max(0, Number(text) || 0);
}

/** Word's names of the ways to count; any other is a number. */
const formats: Record<string, string> = {
  lowerLetter: "a",
  upperLetter: "A",
  lowerRoman: "i",
  upperRoman: "I",
  none: "",
};

function shown(count: number, format: string): string {
  if (format === "decimalZero") return String(count).padStart(2, "0");
  return counted(count, formats[format] ?? "1");
}
