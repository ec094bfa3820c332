import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createCanvas } from "@napi-rs/canvas";
import { SluiceError } from "@sluice/contracts";
import { PDFParse, VerbosityLevel } from "pdf-parse";
import { OPS } from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PDFDocumentProxy, PDFPageProxy } from "pdfjs-dist/types/src/pdf.js";
import { greyOf } from "../picture/grey.js";
import type { Picture } from "../picture/picture.js";
import { hearComplaints, lostOn } from "./pdf-complaints.js";
import { maxOutlineEntries, maxOutlineLevel, type Outline } from "./pdf-outline.js";
import { dropPageCounts, pageObjects } from "./pdf-pages.js";
import { pictureShare } from "./pdf-pictures.js";
import { combined, type Matrix, PageRuns } from "./pdf-runs.js";

/** Character maps of Asian fonts and the decoders of images lie beside pdf.js. */
const assets = dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json"));

const imageOperators = new Set<number>([
  OPS.paintImageXObject,
  OPS.paintImageXObjectRepeat,
  OPS.paintInlineImageXObject,
  OPS.paintInlineImageXObjectGroup,
  OPS.paintImageMaskXObject,
  OPS.paintImageMaskXObjectGroup,
  OPS.paintImageMaskXObjectRepeat,
]);
/** A page with this many drawn shapes and no text is writing turned into outlines, or a chart. */
const manyShapes = 60;
/** What recognisers are at their best with; a PDF's unit is a 72nd of an inch. */
const pictureDpi = 300;
const unitsPerInch = 72;
/** A page drawn has no more pixels, however large its paper. */
const mostPicturePixels = 16_000_000;
/** Larger files are not opened a second time. */
const maxCheckedBytes = 64 * 1024 * 1024;

interface RawOutlineEntry {
  title: string;
  dest: string | unknown[] | null;
  items?: RawOutlineEntry[];
}

interface Opened {
  parser: PDFParse;
  document: PDFDocumentProxy;
}

/** A PDF opened with pdf.js, page by page. */
export class PdfjsDocument {
  readonly #path: string;
  readonly #parser: PDFParse;
  readonly #document: PDFDocumentProxy;
  #strict: Promise<Opened | null> | undefined;
  /** Pages of which something could not be read. */
  readonly #damaged = new Set<number>();
  /** The page that was asked for last. */
  #current = 0;
  readonly #stopHearing: () => void;

  private constructor(path: string, { parser, document }: Opened) {
    this.#path = path;
    this.#stopHearing = hearComplaints((complaint) => {
      const page = lostOn(complaint);
      if (page !== undefined) this.#damaged.add(page ?? this.#current);
    });
    this.#parser = parser;
    this.#document = document;
  }

  /** Fails with `document_encrypted` where the empty password does not open it. */
  static async open(path: string): Promise<PdfjsDocument> {
    // What it says while it opens the first file must not be printed, either.
    hearComplaints(() => {})();
    try {
      return new PdfjsDocument(path, await loadAll(path));
    } catch (error) {
      // The disk's trouble is not the document's.
      if (error instanceof Error && "syscall" in error) throw error;
      const { name = "", message = "" } = error as Partial<Error>;
      // Certificates and handlers of other makers are no damage, either.
      const isLocked = name === "PasswordException" || /encrypt/i.test(message);
      throw new SluiceError(isLocked ? "document_encrypted" : "document_corrupt", { cause: error });
    }
  }

  get pages(): number {
    return this.#document.numPages;
  }

  async title(): Promise<string | null> {
    const { info } = await this.#document.getMetadata().catch(() => ({ info: {} }));
    const title = (info as { Title?: unknown }).Title;
    return typeof title === "string" && title.trim() ? title.trim() : null;
  }

  /** Fails where the page can't be read. */
  async text(number: number): Promise<PageRuns> {
    const page = await this.#document.getPage(number);
    this.#current = number;
    try {
      return await runsOf(page);
    } finally {
      page.cleanup();
    }
  }

  /** What was filled in, noted or attached on a page, which is not in the text layer. */
  async notes(number: number): Promise<PdfNotes> {
    return annotations(await this.#document.getPage(number));
  }

  /** Whether something on a page that was read could not be. */
  isDamaged(number: number): boolean {
    return this.#damaged.has(number);
  }

  /** The outline's entries by the page that they lead to; what leads nowhere is left out. */
  async outline(): Promise<Outline> {
    const byPage: Outline = new Map();
    let left = maxOutlineEntries;
    const walk = async (entries: readonly RawOutlineEntry[], level: number): Promise<void> => {
      for (const { title, dest, items } of entries) {
        if (left-- <= 0 || level > maxOutlineLevel) return;
        const page = await this.#pageOf(dest).catch(() => null);
        if (page !== null && title.trim())
          byPage.set(page, [...(byPage.get(page) ?? []), { title: title.trim(), level }]);
        await walk(items ?? [], level + 1);
      }
    };
    await walk(((await this.#document.getOutline().catch(() => null)) ?? []) as RawOutlineEntry[], 1);
    return byPage;
  }

  async #pageOf(dest: RawOutlineEntry["dest"]): Promise<number | null> {
    const target = typeof dest === "string" ? await this.#document.getDestination(dest) : dest;
    const page: unknown = target?.[0];
    if (typeof page === "number") return page + 1;
    if (typeof page !== "object" || page === null) return null;
    return (await this.#document.getPageIndex(page as Parameters<PDFDocumentProxy["getPageIndex"]>[0])) + 1;
  }

  /** What is to be seen on a page that has no text. */
  async look(number: number): Promise<"image" | "blank" | "unreadable"> {
    const drawn = await operators(this.#document, number);
    const shapes = drawn.filter((operator) => operator === OPS.constructPath).length;
    if (shapes >= manyShapes || drawn.some((operator) => imageOperators.has(operator))) return "image";
    // pdf.js leaves out what it can't draw, unless it is told to stop there: then it draws less.
    this.#strict ??= this.#openStrict();
    const strict = await this.#strict;
    if (!strict) return "blank";
    return (await operators(strict.document, number)).length < drawn.length ? "unreadable" : "blank";
  }

  /** The share of the page that its largest picture covers. */
  async pictureShare(number: number): Promise<number> {
    return pictureShare(await this.#document.getPage(number));
  }

  /** The page drawn. */
  async picture(number: number): Promise<Picture> {
    const page = await this.#document.getPage(number);
    try {
      const paper = page.getViewport({ scale: 1 });
      const room = Math.sqrt(mostPicturePixels / (paper.width * paper.height));
      const viewport = page.getViewport({ scale: Math.min(pictureDpi / unitsPerInch, room) });
      const [width, height] = [Math.max(1, Math.floor(viewport.width)), Math.max(1, Math.floor(viewport.height))];
      const canvas = createCanvas(width, height);
      const context = canvas.getContext("2d");
      // pdf.js means a browser's canvas; it draws on this one as it does on its own, which is the same.
      const target = { canvas, canvasContext: context } as unknown as { canvas: null };
      await page.render({ ...target, viewport, background: "white" }).promise;
      const dpi = viewport.scale * unitsPerInch;
      return { ...greyOf(context.getImageData(0, 0, width, height).data, width, height, 4), dpi: { x: dpi, y: dpi } };
    } catch (cause) {
      throw new SluiceError("document_corrupt", { cause });
    } finally {
      page.cleanup();
    }
  }

  /** Files embedded in the document, those that can't be read without bytes; null where none can be listed. */
  async attachments(): Promise<PdfFile[] | null> {
    type Found = Record<string, { filename?: string; content?: Uint8Array | null }> | null;
    const found = await this.#document.getAttachments().then(
      (each: Found) => Object.entries(each ?? {}),
      () => null,
    );
    return (
      found?.map(([key, { filename, content }]) => ({ name: filename || key, bytes: content ?? new Uint8Array() })) ??
      null
    );
  }

  async destroy(): Promise<void> {
    this.#stopHearing();
    const strict = await this.#strict;
    await strict?.parser.destroy();
    await this.#parser.destroy();
  }

  async #openStrict(): Promise<Opened | null> {
    if ((await stat(this.#path)).size > maxCheckedBytes) return null;
    // Files that only open with repairs tell nothing this way.
    return load(await readFile(this.#path), true).catch(() => null);
  }
}

/** All pages, whatever number of them the file gives. */
async function loadAll(path: string): Promise<Opened> {
  const file = await readFile(path);
  const opened = await load(file, false);
  if (pageObjects(file) <= opened.document.numPages) return opened;
  dropPageCounts(file);
  const again = await load(file, false).catch(() => null);
  const [kept, other] = again && again.document.numPages > opened.document.numPages ? [again, opened] : [opened, again];
  await other?.parser.destroy();
  return kept;
}

async function load(file: Buffer, stopAtErrors: boolean): Promise<Opened> {
  const parser = new PDFParse({
    data: new Uint8Array(file),
    stopAtErrors,
    verbosity: VerbosityLevel.INFOS,
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    cMapUrl: `${join(assets, "cmaps")}/`,
    cMapPacked: true,
    standardFontDataUrl: `${join(assets, "standard_fonts")}/`,
    wasmUrl: `${join(assets, "wasm")}/`,
  });
  // pdf-parse keeps pdf.js's document to itself; images, form fields and attachments are only found there.
  const inner = parser as unknown as { load(): Promise<PDFDocumentProxy> };
  return { parser, document: await inner.load() };
}

interface TextItem {
  str: string;
  dir: string;
  transform: unknown[];
  width: number;
}

async function runsOf(page: PDFPageProxy): Promise<PageRuns> {
  const upright = page.getViewport({ scale: 1 }).transform as unknown as Matrix;
  const { items } = await page.getTextContent({ disableNormalization: true });
  const runs = new PageRuns();
  for (const { str, dir, transform, width } of items as TextItem[]) {
    if (str !== undefined && str !== "")
      runs.add(str, combined(upright, transform as unknown as Matrix), width, dir === "rtl");
  }
  return runs;
}

async function operators(document: PDFDocumentProxy, number: number): Promise<number[]> {
  const page = await document.getPage(number);
  const { fnArray } = await page.getOperatorList();
  page.cleanup();
  return fnArray;
}

/** A file within the document; without bytes where they can't be read. */
export interface PdfFile {
  name: string;
  bytes: Uint8Array;
}

export interface PdfNotes {
  lines: string[];
  files: PdfFile[];
  /** Something that was stamped or drawn on the page has no words that could be read. */
  isPartial: boolean;
}

interface Annotation {
  subtype?: string;
  fieldType?: string;
  fieldName?: string;
  alternativeText?: string;
  fieldValue?: unknown;
  checkBox?: boolean;
  radioButton?: boolean;
  /** What a radio button stands for. */
  buttonValue?: string | null;
  options?: { exportValue?: string; displayValue?: string }[];
  file?: { filename?: string; content?: Uint8Array | null };
  contentsObj?: { str?: string };
  /** The page's text beneath it. */
  overlaidText?: string;
  /** What its own drawing says, a line each. */
  textContent?: string[];
  hasAppearance?: boolean;
  hidden?: boolean;
  password?: boolean;
}

/** Filled-in form fields and written remarks are not in the text layer. */
async function annotations(page: PDFPageProxy): Promise<PdfNotes> {
  const found = (await page.getAnnotations({ intent: "display" })) as Annotation[];
  const files = found.flatMap(({ file }) =>
    file ? { name: file.filename ?? "", bytes: file.content ?? new Uint8Array() } : [],
  );
  const shown = found.filter(({ hidden, password }) => !hidden && !password);
  const lines = shown.flatMap((annotation) =>
    annotation.subtype === "Widget" ? field(annotation) : remark(annotation),
  );
  return { lines, files, isPartial: shown.some(isWordless) };
}

/** What somebody wrote on the page; what was struck through there, as it is marked everywhere. */
function remark({ subtype, contentsObj, textContent, overlaidText }: Annotation): string[] {
  if (subtype === "Link" || subtype === "Popup") return [];
  const struck = subtype === "StrikeOut" ? overlaidText?.trim() : "";
  const written = contentsObj?.str?.trim() || (textContent ?? []).join("\n").trim();
  return [struck ? `~~${struck}~~` : "", written].filter(Boolean);
}

/** A stamp or a drawing may say that the page does not hold. */
function isWordless(annotation: Annotation): boolean {
  const { subtype = "", hasAppearance } = annotation;
  const isDrawn = hasAppearance === true && ["Stamp", "Ink", "FreeText"].includes(subtype);
  return (isDrawn || subtype === "StrikeOut") && remark(annotation).length === 0;
}

function field({
  fieldType,
  alternativeText,
  fieldName,
  fieldValue,
  checkBox,
  radioButton,
  buttonValue,
  options,
}: Annotation): string[] {
  const label = alternativeText || fieldName || "";
  const chosen = [fieldValue].flat().filter((each): each is string => typeof each === "string");
  // Choices are shown by another text than they are sent by.
  const shown = chosen.map((each) => options?.find(({ exportValue }) => exportValue === each)?.displayValue || each);
  const value = shown.join(", ").trim();
  if (radioButton) return value && value !== "Off" && value === buttonValue ? [`[x] ${label}: ${value}`] : [];
  if (!value || value === "Off" || (fieldType === "Btn" && !checkBox)) return [];
  if (fieldType === "Sig") return [];
  return [fieldType === "Btn" ? `[x] ${label}` : `${label}: ${value}`];
}
