import { maxOutlineEntries, maxOutlineLevel, type Outline } from "./pdf-outline.js";
import { combined, type Matrix, PageRuns } from "./pdf-runs.js";
import { Pdfium } from "./pdfium.js";

/** Numbers of PDFium's headers. */
const subtype = { link: 2, popup: 16 };
/** A form without pages of its own: what is filled in is found in its data alone. */
const dynamicForm = 2;
const objectType = { image: 3, form: 5 };
const hyphenAtLineEnd = 2;
const space = 32;

const maxFormDepth = 8;
/** Beyond this gap, in sizes of the type, what follows in one string of text is set off. */
const wideGap = 0.6;

export interface PageText {
  runs: PageRuns;
  /** Whether each character is as the file has it: PDFium guesses characters without a code, takes ligatures apart and turns Arabic and what is upside down around. */
  isExact: boolean;
  /** Whether something is filled in or noted on the page. */
  hasNotes: boolean;
}

/** A PDF opened with PDFium, page by page. */
export class PdfiumDocument {
  /** 0 where it says that it has more than there are. */
  readonly pages: number;
  /** Whether it opened as it is; otherwise its objects were looked for, and some may be missing. */
  readonly isSound: boolean;
  readonly #engine: Pdfium;
  readonly #file: number;
  readonly #document: number;
  /** Where functions put what they answer. */
  readonly #scratch: number;

  private constructor(engine: Pdfium, file: number, document: number) {
    this.#engine = engine;
    this.#file = file;
    this.#document = document;
    this.#scratch = engine.allocate(64);
    const pages = engine.call.FPDF_GetPageCount(document);
    this.pages = pages > 0 && this.#onPage(pages, () => true) ? pages : 0;
    this.isSound = this.pages > 0 && engine.call.FPDF_DocumentHasValidCrossReferenceTable(document) === 1;
  }

  /** Null where PDFium does not open it. */
  static async open(path: string): Promise<PdfiumDocument | null> {
    try {
      const engine = await Pdfium.take();
      const { place, bytes } = engine.placeFile(path);
      const document = engine.call.FPDF_LoadMemDocument(place, bytes, 0);
      if (document !== 0) return new PdfiumDocument(engine, place, document);
      engine.call.free(place);
      engine.spare();
      return null;
    } catch (error) {
      // The disk's trouble is not the document's.
      if (error instanceof Error && "syscall" in error) throw error;
      return null;
    }
  }

  title(): string | null {
    const name = this.#engine.place(Buffer.from("Title\0"));
    const title = this.#engine.string((place, bytes) =>
      this.#engine.call.FPDF_GetMetaText(this.#document, name, place, bytes),
    );
    this.#engine.call.free(name);
    return title.trim() || null;
  }

  get hasAttachments(): boolean {
    return this.#engine.call.FPDFDoc_GetAttachmentCount(this.#document) > 0;
  }

  /** What is filled into a form that a program lays out anew each time, as XML; null for any other document. */
  dynamicForm(): Buffer | null {
    const { call } = this.#engine;
    if (call.FPDF_GetFormType(this.#document) !== dynamicForm) return null;
    const count = call.FPDF_GetXFAPacketCount(this.#document);
    const packets = Array.from({ length: Math.max(0, count) }, (_, index) => ({
      name: this.#engine
        .bytes((place, bytes) => call.FPDF_GetXFAPacketName(this.#document, index, place, bytes))
        .toString("latin1")
        .replace(/\0$/, ""),
      index,
    }));
    // In one piece it has no name.
    const data = packets.find(({ name }) => name === "datasets") ?? (packets.length === 1 ? packets[0] : undefined);
    if (!data) return Buffer.alloc(0);
    return this.#engine.bytes((place, bytes) => {
      call.FPDF_GetXFAPacketContent(this.#document, data.index, place, bytes, this.#scratch);
      return this.#engine.long(this.#scratch);
    });
  }

  outline(): Outline {
    const { call } = this.#engine;
    const byPage: Outline = new Map();
    let left = maxOutlineEntries;
    const walk = (parent: number, level: number): void => {
      if (level > maxOutlineLevel) return;
      let entry = call.FPDFBookmark_GetFirstChild(this.#document, parent);
      for (; entry !== 0 && left-- > 0; entry = call.FPDFBookmark_GetNextSibling(this.#document, entry)) {
        const current = entry;
        const title = this.#engine.string((place, bytes) => call.FPDFBookmark_GetTitle(current, place, bytes)).trim();
        const target = call.FPDFBookmark_GetDest(this.#document, entry);
        const page = target === 0 ? -1 : call.FPDFDest_GetDestPageIndex(this.#document, target);
        if (page >= 0 && title) byPage.set(page + 1, [...(byPage.get(page + 1) ?? []), { title, level }]);
        walk(entry, level + 1);
      }
    };
    walk(0, 1);
    return byPage;
  }

  /** Null where there is no such page. After a failure nothing else may be called. */
  text(number: number): PageText | null {
    return this.#onPage(number, (page) => {
      const { call } = this.#engine;
      const text = call.FPDFText_LoadPage(page);
      const read = { ...this.#read(text, this.#box(page), this.#upright(page)), hasNotes: this.#hasNotes(page) };
      call.FPDFText_ClosePage(text);
      return read;
    });
  }

  /** The share of the page, 0 to 1, that pictures cover. */
  pictureShare(number: number): number | null {
    return this.#onPage(number, (page) => {
      const { call } = this.#engine;
      const [left, top, right, bottom] = this.#box(page);
      const area = Math.abs((right - left) * (top - bottom));
      const count = call.FPDFPage_CountObjects(page);
      let covered = 0;
      for (let i = 0; i < count; i += 1) covered += this.#pictureArea(call.FPDFPage_GetObject(page, i), 0);
      return area > 0 ? Math.min(1, covered / area) : 0;
    });
  }

  destroy(): void {
    const { call } = this.#engine;
    call.FPDF_CloseDocument(this.#document);
    call.free(this.#scratch);
    call.free(this.#file);
    this.#engine.spare();
  }

  #onPage<T>(number: number, work: (page: number) => T): T | null {
    const page = this.#engine.call.FPDF_LoadPage(this.#document, number - 1);
    if (page === 0) return null;
    const result = work(page);
    this.#engine.call.FPDF_ClosePage(page);
    return result;
  }

  /** Called for every character: nothing is made anew that needn't be. */
  #read(text: number, paper: Box, upright: Matrix): { runs: PageRuns; isExact: boolean } {
    const { call } = this.#engine;
    const runs = new PageRuns();
    let box: Box = [0, 0, 0, 0];
    let lastBox: Box = [0, 0, 0, 0];
    let isExact = true;
    let run: OpenRun | undefined;
    let object = 0;
    let last = 0;
    const end = () => {
      if (run) runs.add(run.text, run.matrix, run.end);
      run = undefined;
    };
    const count = call.FPDFText_CountChars(text);
    for (let i = 0; i < count; i += 1) {
      const code = call.FPDFText_GetUnicode(text, i);
      // Spaces and line breaks that PDFium makes of distances; the layout sees the distances.
      if (code <= space && call.FPDFText_IsGenerated(text, i) === 1) {
        if (run && code === space) run.text += " ";
        end();
        continue;
      }
      const owner = call.FPDFText_GetTextObject(text, i);
      call.FPDFText_GetLooseCharBox(text, i, this.#scratch);
      this.#engine.floats(this.#scratch, box);
      if (isBeyond(paper, box)) continue;
      if (owner !== object || (run && isApart(run, box))) end();
      object = owner;
      if (!run) {
        run = this.#begin(text, i, upright, box);
        isExact &&= !isUpsideDown(run.matrix);
      }
      if (call.FPDFText_HasUnicodeMapError(text, i) === 1) isExact = false;
      if (isPiece(last, code) && isSame(box, lastBox)) isExact = false;
      if (isRightToLeft(code) || isPrivate(code)) isExact = false;
      run.text += code === hyphenAtLineEnd ? "-" : code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
      run.reach = Math.max(run.reach, farEnd(run, box));
      if (code !== space) run.end = run.reach;
      last = code;
      [box, lastBox] = [lastBox, box];
    }
    end();
    return { runs, isExact };
  }

  #begin(text: number, index: number, upright: Matrix, box: Box): OpenRun {
    const { call } = this.#engine;
    call.FPDFText_GetCharOrigin(text, index, this.#scratch, this.#scratch + 8);
    const [x, y] = this.#engine.doubles(this.#scratch);
    const hasMatrix = call.FPDFText_GetMatrix(text, index, this.#scratch) === 1;
    const [a, b, c, d] = hasMatrix ? this.#floats(1) : [1, 0, 0, 1];
    const length = Math.hypot(a, b) || 1;
    // A font of shapes may be a thousandth of a point in size, and its shapes as much larger.
    const height = Math.abs(a) >= Math.abs(b) ? Math.abs(box[1] - box[3]) : Math.abs(box[2] - box[0]);
    const written = call.FPDFText_GetFontSize(text, index) * Math.hypot(c, d);
    const size = written > height / 4 && written < height * 4 ? written : height || 1;
    const [right, up] = [[a / length, b / length], [c, d].map((value) => (value * size) / (Math.hypot(c, d) || 1))] as [
      [number, number],
      [number, number],
    ];
    return { text: "", matrix: combined(upright, [...right, ...up, x, y]), x, y, right, size, reach: 0, end: 0 };
  }

  /** Takes the page's units to points from its top left corner, as it is to be looked at. */
  #upright(page: number): Matrix {
    const [left, top, right, bottom] = this.#box(page);
    switch (this.#engine.call.FPDFPage_GetRotation(page)) {
      case 1:
        return [0, 1, 1, 0, -bottom, -left];
      case 2:
        return [-1, 0, 0, 1, right, -bottom];
      case 3:
        return [0, -1, -1, 0, top, right];
      default:
        return [1, 0, 0, -1, -left, top];
    }
  }

  #box(page: number): Box {
    return this.#floats(this.#engine.call.FPDF_GetPageBoundingBox(page, this.#scratch));
  }

  /** What a function left in the scratch, where it succeeded. */
  #floats(succeeded: number): Box {
    const found: Box = [0, 0, 0, 0];
    if (succeeded !== 0) this.#engine.floats(this.#scratch, found);
    return found;
  }

  #hasNotes(page: number): boolean {
    const { call } = this.#engine;
    const count = call.FPDFPage_GetAnnotCount(page);
    for (let i = 0; i < count; i += 1) {
      const annotation = call.FPDFPage_GetAnnot(page, i);
      if (annotation === 0) continue;
      const kind = call.FPDFAnnot_GetSubtype(annotation);
      call.FPDFPage_CloseAnnot(annotation);
      if (kind !== subtype.link && kind !== subtype.popup) return true;
    }
    return false;
  }

  /** In the units of what holds it. */
  #pictureArea(object: number, depth: number): number {
    const { call } = this.#engine;
    const type = call.FPDFPageObj_GetType(object);
    if (type !== objectType.image && type !== objectType.form) return 0;
    const [a, b, c, d] = this.#floats(call.FPDFPageObj_GetMatrix(object, this.#scratch));
    const scale = Math.abs(a * d - b * c);
    if (type === objectType.image) return scale;
    if (depth >= maxFormDepth) return 0;
    let covered = 0;
    const count = call.FPDFFormObj_CountObjects(object);
    for (let i = 0; i < count; i += 1) covered += this.#pictureArea(call.FPDFFormObj_GetObject(object, i), depth + 1);
    return covered * scale;
  }
}

/** Left, top, right and bottom in the page's units; of a matrix its first four. */
export type Box = [number, number, number, number];

/** Text that goes on as long as no gap is in it. */
interface OpenRun {
  text: string;
  matrix: Matrix;
  /** Where it begins, in the page's units, and the direction it goes in, of length 1. */
  x: number;
  y: number;
  right: readonly [number, number];
  size: number;
  /** How far it has got, and how far without the spaces that it ends in. */
  reach: number;
  end: number;
}

/** How far a box's two ends are from the run's beginning, along the run. */
function nearEnd({ x, y, right: [h, v] }: OpenRun, box: Box): number {
  return (h < 0 ? box[2] - x : box[0] - x) * h + (v < 0 ? box[1] - y : box[3] - y) * v;
}
function farEnd({ x, y, right: [h, v] }: OpenRun, box: Box): number {
  return (h < 0 ? box[0] - x : box[2] - x) * h + (v < 0 ? box[3] - y : box[1] - y) * v;
}

function isApart(run: OpenRun, box: Box): boolean {
  const from = nearEnd(run, box);
  return from > run.reach + run.size * wideGap || from < run.reach - run.size * 3;
}

/** What is drawn beside the page is not to be seen. */
function isBeyond([left, top, right, bottom]: Box, box: Box): boolean {
  return box[2] < left || box[0] > right || box[1] < bottom || box[3] > top;
}

/** PDFium puts what stands in a line in order from the left of the page. */
function isUpsideDown([a, b]: Matrix): boolean {
  return a < 0 && Math.abs(a) > Math.abs(b);
}

/** PDFium takes ﬀ, ﬁ, ﬂ, ﬃ, ﬄ and ﬆ apart. */
function isPiece(before: number, code: number): boolean {
  return (before === 0x66 && (code === 0x66 || code === 0x69 || code === 0x6c)) || (before === 0x73 && code === 0x74);
}

/** PDFium turns Hebrew and Arabic around, and takes the forms of their letters for the letters. */
function isRightToLeft(code: number): boolean {
  return code >= 0x590 && (code <= 0x8ff || (code >= 0xfb1d && code <= 0xfdff) || (code >= 0xfe70 && code <= 0xfefc));
}

/** Places for private use, but for those of fonts of symbols. */
function isPrivate(code: number): boolean {
  return (code >= 0xe000 && code <= 0xf8ff && (code & 0xff00) !== 0xf000) || code >= 0xf0000;
}

function isSame(one: Box, other: Box): boolean {
  return one.every((value, i) => value === other[i]) && one[2] > one[0];
}
