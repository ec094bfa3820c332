import { closeSync, openSync, readSync } from "node:fs";
import { SluiceError } from "@sluice/contracts";

/** Tags as one number: group and element. */
export const tag = {
  transferSyntax: 0x00020010,
  charset: 0x00080005,
  instance: 0x00080018,
  studyDate: 0x00080020,
  contentDate: 0x00080023,
  studyTime: 0x00080030,
  contentTime: 0x00080033,
  accession: 0x00080050,
  modality: 0x00080060,
  institution: 0x00080080,
  referrer: 0x00080090,
  codeValue: 0x00080100,
  codeScheme: 0x00080102,
  codeMeaning: 0x00080104,
  studyDescription: 0x00081030,
  seriesDescription: 0x0008103e,
  patientName: 0x00100010,
  patientId: 0x00100020,
  issuer: 0x00100021,
  birthDate: 0x00100030,
  sex: 0x00100040,
  bodyPart: 0x00180015,
  imageComments: 0x00204000,
  unitCode: 0x004008ea,
  valueType: 0x0040a040,
  conceptName: 0x0040a043,
  dateTime: 0x0040a120,
  date: 0x0040a121,
  time: 0x0040a122,
  personName: 0x0040a123,
  text: 0x0040a160,
  conceptCode: 0x0040a168,
  measured: 0x0040a300,
  number: 0x0040a30a,
  completion: 0x0040a491,
  verification: 0x0040a493,
  content: 0x0040a730,
  documentTitle: 0x00420010,
  document: 0x00420011,
  documentType: 0x00420012,
  documentLength: 0x00420015,
} as const;

const wanted: ReadonlySet<number> = new Set(Object.values(tag));
const [item, itemEnd, sequenceEnd] = [0xfffee000, 0xfffee00d, 0xfffee0dd];
/** What follows are pixels and overlays. */
const pixels = 0x7fe00000;
const undefinedLength = 0xffffffff;
/** Representations whose length takes four bytes, behind two that mean nothing. */
const longForms = new Set("OB OW OF OD OL OV SQ UC UR UT UN SV UV".split(" "));
const preamble = 132;
/** Longer values are no text for readers. */
const maxValue = 4 * 1024 * 1024;
const maxElements = 500_000;
const maxText = 64 * 1024 * 1024;

/** Transfer syntaxes that order or pack data in ways of their own. */
const implicitSyntax = "1.2.840.10008.1.2";
const bigEndian = "1.2.840.10008.1.2.2";
const deflated = "1.2.840.10008.1.2.1.99";

/** Elements by their tags: bytes, or the items of a sequence. */
export interface Dataset {
  values: Map<number, Buffer>;
  sequences: Map<number, Dataset[]>;
}

export interface DicomFile {
  data: Dataset;
  /** Where an encapsulated document stands in the file. */
  document: { start: number; length: number } | null;
}

/** What a DICOM file says before its pixels; those are not read. Fails with `document_corrupt`, `document_type_unsupported` (packed or in the order of old) and limits. */
export function readDicom(path: string, size: number, maxDepth: number): DicomFile {
  const bytes = new Window(path, size);
  try {
    return new Reader(bytes, maxDepth).read();
  } finally {
    bytes.close();
  }
}

class Reader {
  readonly #bytes: Window;
  readonly #maxDepth: number;
  #at = preamble;
  #isImplicit = false;
  #elements = 0;
  #text = 0;
  #document: DicomFile["document"] = null;

  constructor(bytes: Window, maxDepth: number) {
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
  }

  read(): DicomFile {
    const data: Dataset = { values: new Map(), sequences: new Map() };
    // What stands before the data is always explicit.
    while (this.#bytes.u16(this.#at) === 2) this.#element(data, 0);
    const syntax = data.values
      .get(tag.transferSyntax)
      ?.toString("latin1")
      .replace(/[\0 ]+$/, "");
    if (syntax === bigEndian || syntax === deflated) throw new SluiceError("document_type_unsupported");
    this.#isImplicit = syntax === implicitSyntax;
    this.#elementsTo(this.#bytes.size, data, 0);
    return { data, document: this.#document };
  }

  /** Elements up to a place, or to what ends an item. */
  #elementsTo(end: number, into: Dataset, depth: number): void {
    while (this.#at + 8 <= end) {
      const next = this.#tag();
      if (next >= pixels && next < item) return;
      if (next === itemEnd || next === sequenceEnd) {
        this.#at += 8;
        return;
      }
      this.#element(into, depth);
    }
  }

  #tag(): number {
    return this.#bytes.u16(this.#at) * 0x10000 + this.#bytes.u16(this.#at + 2);
  }

  #element(into: Dataset, depth: number): void {
    if (++this.#elements > maxElements) throw new SluiceError("limit_expanded_size");
    const key = this.#tag();
    const { representation, length, start } = this.#head();
    this.#at = start;
    const isSequence =
      representation === "SQ" || length === undefinedLength || (this.#isImplicit && this.#opensItem(length));
    if (isSequence && representation !== "OB" && representation !== "OW") {
      const items = this.#items(length, depth + 1, representation === "UN");
      if (wanted.has(key)) into.sequences.set(key, items);
      return;
    }
    if (length === undefinedLength || start + length > this.#bytes.size) throw new SluiceError("document_corrupt");
    this.#at = start + length;
    if (key === tag.document && depth === 0) this.#document = { start, length };
    else if (wanted.has(key) && length <= maxValue) {
      this.#text += length;
      if (this.#text > maxText) throw new SluiceError("limit_expanded_size");
      into.values.set(key, this.#bytes.slice(start, length));
    }
  }

  #head(): { representation: string; length: number; start: number } {
    const at = this.#at;
    if (this.#isImplicit) return { representation: "", length: this.#bytes.u32(at + 4), start: at + 8 };
    const representation = this.#bytes.slice(at + 4, 2).toString("latin1");
    if (!/^[A-Z]{2}$/.test(representation)) throw new SluiceError("document_corrupt");
    return longForms.has(representation)
      ? { representation, length: this.#bytes.u32(at + 8), start: at + 12 }
      : { representation, length: this.#bytes.u16(at + 6), start: at + 8 };
  }

  /** Without representations a sequence shows by its first item. */
  #opensItem(length: number): boolean {
    return length >= 8 && this.#at + 8 <= this.#bytes.size && this.#tag() === item;
  }

  #items(length: number, depth: number, isUnknown: boolean): Dataset[] {
    if (depth > this.#maxDepth) throw new SluiceError("limit_nesting");
    const end = length === undefinedLength ? this.#bytes.size : this.#at + length;
    if (end > this.#bytes.size) throw new SluiceError("document_corrupt");
    const wasImplicit = this.#isImplicit;
    // What a sender did not know it passed on without representations.
    if (isUnknown) this.#isImplicit = true;
    const items: Dataset[] = [];
    while (this.#at + 8 <= end) {
      const next = this.#tag();
      const own = this.#bytes.u32(this.#at + 4);
      this.#at += 8;
      if (next === sequenceEnd) break;
      if (next !== item || ++this.#elements > maxElements) throw new SluiceError("document_corrupt");
      const found: Dataset = { values: new Map(), sequences: new Map() };
      const itemStop = own === undefinedLength ? end : this.#at + own;
      this.#elementsTo(itemStop, found, depth);
      if (own !== undefinedLength) this.#at = itemStop;
      items.push(found);
    }
    this.#isImplicit = wasImplicit;
    return items;
  }
}

/** A file by places, a piece of it in memory. */
class Window {
  readonly size: number;
  readonly #file: number;
  readonly #buffer = Buffer.alloc(65_536);
  #start = 0;
  #length = 0;

  constructor(path: string, size: number) {
    this.#file = openSync(path, "r");
    this.size = size;
  }

  u16(at: number): number {
    return this.#near(at, 2).readUInt16LE(at - this.#start);
  }

  u32(at: number): number {
    return this.#near(at, 4).readUInt32LE(at - this.#start);
  }

  slice(at: number, length: number): Buffer {
    if (length <= this.#buffer.length / 2)
      return Buffer.from(this.#near(at, length).subarray(at - this.#start, at - this.#start + length));
    const bytes = Buffer.alloc(length);
    if (readSync(this.#file, bytes, 0, length, at) < length) throw new SluiceError("document_corrupt");
    return bytes;
  }

  close(): void {
    closeSync(this.#file);
  }

  #near(at: number, length: number): Buffer {
    if (at < this.#start || at + length > this.#start + this.#length) {
      this.#start = at;
      this.#length = readSync(this.#file, this.#buffer, 0, this.#buffer.length, at);
      if (this.#length < length) throw new SluiceError("document_corrupt");
    }
    return this.#buffer;
  }
}
