import { SluiceError } from "@sluice/contracts";
import type { Compound } from "./compound.js";
import { decode } from "./encoding.js";
import { strikeMark } from "./flow-text.js";
import { WordLists } from "./word-lists.js";
import { type Marks, markAt, readMarks } from "./word-marks.js";

const [magic, oldMagic] = [0xa5ec, 0xa5dc];
const flags = { encrypted: 0x0100, secondTable: 0x0200 };
/** Fields of the file's head from Word 97 on. */
const field = { characterMarks: 0xfa, paragraphMarks: 0x102, pieces: 0x1a2 };
/** Lengths of the kinds of text, in the order they lie in. */
const kinds = ["body", "notes", "headers", "macros", "remarks", "endnotes", "boxes", "headerBoxes"] as const;
export type WordPart = (typeof kinds)[number];

/** A stretch of text that ends with its paragraph's mark. */
export interface WordParagraph {
  part: WordPart;
  /** Without deleted and hidden text and fields' codes; tabs and line breaks (`\\v`) as they are. */
  text: string;
  /** Its number or bullet where it is in a list, with a blank behind it. */
  lead: string;
  /** Ends a table's cell, its row, or is one of several paragraphs in a cell. */
  ends: "paragraph" | "line" | "cell" | "row";
  /** 1 to 9 where its style is a built-in heading. */
  heading: number | undefined;
}

interface Piece {
  /** Place in the stream. */
  at: number;
  length: number;
  isWide: boolean;
}

/** Paragraphs of a Word document of 6 to 2003. Fails with `document_encrypted` and `document_corrupt`. */
export function* readWordBinary(file: Compound): Generator<WordParagraph> {
  const stream = file.find("WordDocument");
  if (!stream || stream.length < 0x80) throw new SluiceError("document_corrupt");
  const ident = stream.readUInt16LE(0);
  const bits = stream.readUInt16LE(0x0a);
  if (ident !== magic && ident !== oldMagic) throw new SluiceError("document_corrupt");
  if (bits & flags.encrypted) throw new SluiceError("document_encrypted");
  const isOld = stream.readUInt16LE(2) < 0xc1;
  const table = isOld ? undefined : file.find(bits & flags.secondTable ? "1Table" : "0Table");
  if (!isOld && !table) throw new SluiceError("document_corrupt");
  const pieces = table
    ? piecesOf(stream, table)
    : [{ at: stream.readUInt32LE(0x18), length: stream.readUInt32LE(0x34), isWide: false }];
  const lengths = kinds.map((_, index) => stream.readUInt32LE((isOld ? 0x34 : 0x4c) + index * 4));
  const marks = table ? readMarks(stream, table, field) : null;
  yield* paragraphs(stream, pieces, lengths, marks, table ? new WordLists(stream, table) : null);
}

function piecesOf(stream: Buffer, table: Buffer): Piece[] {
  const start = stream.readUInt32LE(field.pieces);
  const end = start + stream.readUInt32LE(field.pieces + 4);
  let at = start;
  // Sets of properties come first.
  while (at < end && table[at] === 1) at += 3 + table.readUInt16LE(at + 1);
  if (table[at] !== 2) throw new SluiceError("document_corrupt");
  const count = Math.floor((table.readUInt32LE(at + 1) - 4) / 12);
  const [places, descriptors] = [at + 5, at + 5 + (count + 1) * 4];
  const pieces: Piece[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = table.readUInt32LE(places + (index + 1) * 4) - table.readUInt32LE(places + index * 4);
    const place = table.readUInt32LE(descriptors + index * 8 + 2);
    const isWide = (place & 0x40000000) === 0;
    if (length < 0 || length > stream.length) throw new SluiceError("document_corrupt");
    pieces.push({ at: isWide ? place : (place & 0x3fffffff) / 2, length, isWide });
  }
  return pieces;
}

function* paragraphs(
  stream: Buffer,
  pieces: readonly Piece[],
  lengths: readonly number[],
  marks: Marks | null,
  lists: WordLists | null,
): Generator<WordParagraph> {
  let [part, left] = [0, lengths[0] ?? 0];
  let text = "";
  /** Fields that are open, and whether their code is being told. */
  const fields: boolean[] = [];
  let unread = stream.length;
  let isStruck = false;
  const strike = (isOn: boolean) => {
    if (isOn !== isStruck) text += strikeMark;
    isStruck = isOn;
  };
  for (const { at, length, isWide } of pieces) {
    const width = isWide ? 2 : 1;
    // Pieces may lie over one another only where somebody made them.
    unread -= length;
    if (unread < 0) throw new SluiceError("document_corrupt");
    const bytes = stream.subarray(at, at + length * width);
    const letters = isWide ? bytes.toString("utf16le") : decode(bytes, "windows-1252");
    for (const [index, letter] of [...letters.split("")].entries()) {
      const place = at + index * width;
      while (left <= 0 && part < kinds.length - 1) {
        part += 1;
        left = lengths[part] ?? 0;
      }
      left -= 1;
      const code = letter.charCodeAt(0);
      if (code === 0x13) fields.push(true);
      else if (code === 0x14) fields[fields.length - 1] = false;
      else if (code === 0x15) fields.pop();
      else if (code === 0x0d || code === 0x07 || code === 0x0c) {
        const mark = marks && markAt(marks.paragraphs, place);
        strike(false);
        const ends = mark?.isRowEnd ? "row" : code === 0x07 ? "cell" : mark?.isInTable ? "line" : "paragraph";
        const lead = mark ? (lists?.mark(mark.list, mark.level) ?? "") : "";
        yield { part: kinds[part] ?? "body", text, lead, ends, heading: mark?.heading };
        text = "";
      } else if (!fields.includes(true)) {
        const mark = marks && markAt(marks.characters, place);
        if (mark?.isHidden) continue;
        strike(mark?.isStruck ?? false);
        // 10⁹ must not become 109.
        if (mark?.isRaised && mark.from === place && /\d$/.test(text)) text += "^";
        text += shown(letter, code);
      }
    }
  }
  if (text) yield { part: kinds[part] ?? "body", text, lead: "", ends: "paragraph", heading: undefined };
}

/** Marks of pictures, notes and hyphens that may be. */
function shown(letter: string, code: number): string {
  if (code === 0x1e) return "-";
  if (code === 0x0b) return "\v";
  return code < 0x20 && code !== 0x09 ? "" : letter;
}
