import { WordNumbering } from "./word-numbering.js";

/** Where the file's head says that lists lie, and which paragraphs may name. */
const field = { lists: 0x2e2, named: 0x2ea };
const [listLength, levelHead, namedLength] = [28, 28, 16];
const levels = 9;
const most = 10_000;

/** Ways to count by their numbers; any other is a number. */
const formats: Readonly<Record<number, string>> = {
  1: "upperRoman",
  2: "lowerRoman",
  3: "upperLetter",
  4: "lowerLetter",
  22: "decimalZero",
  23: "bullet",
  255: "none",
};

/** The lists of a Word file of 97 to 2003 as its paragraphs name them, by numbers from 1. */
export class WordLists {
  readonly #numbering = new WordNumbering();
  #count = 0;

  /** Lists that are damaged from somewhere on are read up to there. */
  constructor(stream: Buffer, table: Buffer) {
    if (stream.length < field.named + 8) return;
    const [lists, named] = [stream.readUInt32LE(field.lists), stream.readUInt32LE(field.named)];
    if (stream.readUInt32LE(field.lists + 4) === 0 || stream.readUInt32LE(field.named + 4) === 0) return;
    this.#readLists(table, lists);
    this.#readNames(table, named);
  }

  /** What stands before the next paragraph of a list; empty where there is no such list. */
  mark(list: number, level: number): string {
    return list >= 1 && list <= this.#count ? this.#numbering.mark({ id: String(list), level }) : "";
  }

  #readLists(table: Buffer, start: number): void {
    if (start + 2 > table.length) return;
    const count = Math.min(table.readUInt16LE(start), most);
    let at = start + 2 + count * listLength;
    for (let index = 0; index < count; index += 1) {
      const head = start + 2 + index * listLength;
      if (head + listLength > table.length) return;
      this.#open("abstractNum", { abstractNumId: String(table.readUInt32LE(head)) });
      const isSimple = ((table[head + 26] ?? 0) & 1) === 1;
      for (let level = 0; level < (isSimple ? 1 : levels); level += 1) {
        const end = this.#level(table, at, level);
        if (end === null) return;
        at = end;
      }
      this.#numbering.close("abstractNum");
    }
  }

  /** A level, which begins here; where it ends. */
  #level(table: Buffer, at: number, level: number): number | null {
    if (at + levelHead + 2 > table.length) return null;
    const text = at + levelHead + (table[at + 24] ?? 0) + (table[at + 25] ?? 0);
    const length = text + 2 <= table.length ? table.readUInt16LE(text) : Number.POSITIVE_INFINITY;
    const end = text + 2 + length * 2;
    if (end > table.length) return null;
    // The numbers of levels stand as the characters from 0 to 8.
    const pattern = table
      .toString("utf16le", text + 2, end)
      .replace(/./gsu, (letter) => (letter.charCodeAt(0) < levels ? `%${letter.charCodeAt(0) + 1}` : letter));
    this.#open("lvl", { ilvl: String(level) });
    this.#open("start", { val: String(table.readUInt32LE(at)) });
    this.#open("numFmt", { val: formats[table[at + 4] ?? 0] ?? "decimal" });
    this.#open("lvlText", { val: pattern });
    this.#numbering.close("lvl");
    return end;
  }

  #readNames(table: Buffer, start: number): void {
    if (start + 4 > table.length) return;
    const count = Math.min(table.readUInt32LE(start), most);
    for (let index = 0; index < count; index += 1) {
      const at = start + 4 + index * namedLength;
      if (at + namedLength > table.length) return;
      this.#count = index + 1;
      this.#open("num", { numId: String(index + 1) });
      this.#open("abstractNumId", { val: String(table.readUInt32LE(at)) });
      this.#numbering.close("num");
    }
  }

  #open(name: string, attributes: Record<string, string>): void {
    this.#numbering.open(name, attributes);
  }
}
