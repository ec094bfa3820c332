import { readFile } from "node:fs/promises";
import type { Picture } from "../picture/picture.js";
import { type LayoutBlock, layOut } from "./pdf-layout.js";
import type { Outline } from "./pdf-outline.js";
import { pageObjects } from "./pdf-pages.js";
import type { PageRuns } from "./pdf-runs.js";
import { hasBrokenStream } from "./pdf-streams.js";
import { PdfiumDocument } from "./pdfium-document.js";
import { type PdfFile, PdfjsDocument, type PdfNotes } from "./pdfjs-document.js";
import { judgeTextLayer, type TextLayer } from "./text-layer.js";

/** Both readers keep what they have seen of a file until it is closed, so it is opened anew. */
const pagesBeforeRenewal = 500;

export interface PageReading {
  blocks: LayoutBlock[];
  text: string;
  layer: TextLayer | "none";
  /** Files that remarks on the page hold. */
  files: PdfFile[];
  /** Whether something on it could not be read. */
  isDamaged: boolean;
  /** Something that is filled in, noted or stamped on the page could not be read. */
  lacksNotes?: boolean;
}
const bestFirst = ["sound", "sparse", "damaged", "none"];

/**
 * A PDF, page by page. PDFium reads the text, pdf.js what is filled in, attached or drawn, and the text of pages that PDFium does not read,
 * finds damaged or would change. A file that is not whole is read by pdf.js first, which finds more of such files.
 */
export class PdfDocument {
  readonly pages: number;
  readonly #path: string;
  /** Whether PDFium's word on the file is taken. */
  readonly #isSound: boolean;
  /** Null where it does not open the file, or failed on it. */
  #pdfium: PdfiumDocument | null;
  /** Null until it is needed. */
  #pdfjs: PdfjsDocument | null;

  private constructor(path: string, pdfium: PdfiumDocument | null, pdfjs: PdfjsDocument | null) {
    this.#path = path;
    this.#pdfium = pdfium;
    this.#pdfjs = pdfjs;
    this.#isSound = pdfjs === null;
    // Of a damaged file, one may find pages that the other doesn't.
    this.pages = Math.max(pdfjs?.pages ?? 0, pdfium?.pages ?? 0);
  }

  /** Fails with `document_encrypted` where the empty password does not open it. */
  static async open(path: string): Promise<PdfDocument> {
    const pdfium = await PdfiumDocument.open(path);
    const file = pdfium?.isSound ? await readFile(path) : null;
    const isBroken = file !== null && hasBrokenStream(file);
    if (pdfium && file && !isBroken && pageObjects(file) <= pdfium.pages) return new PdfDocument(path, pdfium, null);
    try {
      const pdfjs = await PdfjsDocument.open(path);
      // There may be more pages than the file says: then PDFium does not find them.
      if (!pdfium?.isSound || pdfjs.pages > pdfium.pages || isBroken) return new PdfDocument(path, pdfium, pdfjs);
      await pdfjs.destroy();
      return new PdfDocument(path, pdfium, null);
    } catch (error) {
      if (pdfium && pdfium.pages > 0) return new PdfDocument(path, pdfium, null);
      pdfium?.destroy();
      throw error;
    }
  }

  async title(): Promise<string | null> {
    return this.#isSound ? this.#ask((pdfium) => pdfium.title()) : (await this.#whole()).title();
  }

  /** What is filled into a form that has no pages of its own; null where it is none. */
  dynamicForm(): Buffer | null {
    return this.#ask((pdfium) => pdfium.dynamicForm());
  }

  async outline(): Promise<Outline> {
    const outline = this.#isSound ? this.#ask((pdfium) => pdfium.outline()) : null;
    return outline ?? (await this.#whole()).outline();
  }

  /** Files embedded in the document; null where there are some that can't be read. */
  async attachments(): Promise<PdfFile[] | null> {
    if (this.#isSound && this.#ask((pdfium) => pdfium.hasAttachments) === false) return [];
    return (await this.#whole().catch(() => null))?.attachments() ?? null;
  }

  /** The page's text layer as it is laid out, then what was filled in or noted on it. Fails where no reader reads it. */
  async page(number: number): Promise<PageReading> {
    if (number % pagesBeforeRenewal === 0) await this.#renew();
    const quick = this.#isSound ? this.#byPdfium(number) : null;
    const reading = quick && isGood(quick) ? quick : await this.#better(number, quick);
    if (quick && !quick.hasNotes)
      return { ...reading, isDamaged: reading.isDamaged || this.#pdfjs?.isDamaged(number) === true };
    const notes = await this.#notes(number);
    const isDamaged = reading.isDamaged || this.#pdfjs?.isDamaged(number) === true;
    if (notes === null) return { ...reading, isDamaged, lacksNotes: true };
    const { lines, files, isPartial } = notes;
    const all = lines.length > 0 ? judged([...reading.blocks, { lines }]) : reading;
    return { ...all, files, isDamaged, lacksNotes: isPartial };
  }

  /** What is to be seen on a page that has no text. */
  async look(number: number): Promise<"image" | "blank" | "unreadable"> {
    return (await this.#whole()).look(number);
  }

  /** The share of the page that its pictures cover. */
  async pictureShare(number: number): Promise<number> {
    const share = this.#isSound ? this.#ask((pdfium) => pdfium.pictureShare(number)) : null;
    return share ?? (await this.#whole()).pictureShare(number);
  }

  /** The page drawn. */
  async picture(number: number): Promise<Picture> {
    return (await this.#whole()).picture(number);
  }

  /** Whether the file has pictures; a picture's dictionary is never packed. */
  async hasPictures(): Promise<boolean> {
    return /\/Subtype\s*\/Image\b/.test((await readFile(this.#path)).toString("latin1"));
  }

  async destroy(): Promise<void> {
    this.#pdfium?.destroy();
    this.#pdfium = null;
    await this.#pdfjs?.destroy();
    this.#pdfjs = null;
  }

  /** Null also after a fault, when nothing is known of PDFium's memory: it is left behind. */
  #ask<T>(question: (pdfium: PdfiumDocument) => T): T | null {
    try {
      return this.#pdfium && question(this.#pdfium);
    } catch {
      this.#pdfium = null;
      return null;
    }
  }

  async #whole(): Promise<PdfjsDocument> {
    this.#pdfjs ??= await PdfjsDocument.open(this.#path);
    return this.#pdfjs;
  }

  async #renew(): Promise<void> {
    const hadPdfium = this.#pdfium !== null;
    await this.destroy();
    if (hadPdfium) this.#pdfium = await PdfiumDocument.open(this.#path);
  }

  async #notes(number: number): Promise<PdfNotes | null> {
    try {
      return await (await this.#whole()).notes(number);
    } catch {
      return null;
    }
  }

  /** Of both readers' text, that which makes more sense. */
  async #better(number: number, quick: PageReading | null): Promise<PageReading> {
    const readings: PageReading[] = [];
    let failure: unknown;
    try {
      readings.push(judged(laidOut(await (await this.#whole()).text(number))));
    } catch (error) {
      failure = error;
    }
    const second = quick ?? (readings.some(isGood) ? null : this.#byPdfium(number));
    if (second) readings.push(second);
    const [best] = readings.sort((one, other) => bestFirst.indexOf(one.layer) - bestFirst.indexOf(other.layer));
    if (!best) throw failure;
    return failure === undefined ? best : { ...best, isDamaged: true };
  }

  #byPdfium(number: number): (PageReading & { hasNotes: boolean; isExact: boolean }) | null {
    const page = this.#ask((pdfium) => pdfium.text(number));
    return page ? { ...judged(laidOut(page.runs)), hasNotes: page.hasNotes, isExact: page.isExact } : null;
  }
}

function isGood({ layer, isExact = true }: PageReading & { isExact?: boolean }): boolean {
  return isExact && (layer === "sound" || layer === "sparse");
}

function laidOut(runs: PageRuns): LayoutBlock[] {
  return runs.directions().flatMap(layOut);
}

function judged(blocks: LayoutBlock[]): PageReading {
  const text = blocks
    .flatMap((block) => ("rows" in block ? block.rows.map((row) => row.join(" ")) : block.lines))
    .join("\n");
  return {
    blocks,
    text,
    layer: /[^\s\p{Cc}\p{Cf}]/u.test(text) ? judgeTextLayer(text) : "none",
    files: [],
    isDamaged: false,
  };
}
