import { createHash } from "node:crypto";
import { forSearch, SluiceError } from "@sluice/contracts";
import type { Picture } from "../picture/picture.js";
import { PdfDocument } from "../reading/pdf-document.js";
import type { LayoutBlock } from "../reading/pdf-layout.js";
import type { OutlineEntry } from "../reading/pdf-outline.js";
import type { PdfFile } from "../reading/pdfjs-document.js";
import { lettersIn } from "../reading/text-layer.js";
import { isDamage, writePicturePage, writeRecognised } from "../recognition/write-page.js";
import type { Format, Output } from "./format.js";

/** A page with a picture over as much of it is a scan. */
const scanShare = 0.5;
/** A fax machine's line is shorter than this; what says more is taken for the page's own text, whatever lies behind it. */
const fewLettersOverPicture = 400;

/** The text layer, a section a page; pages that are pictures, or whose text layer is damaged, are recognised. */
export const pdf: Format = {
  name: "pdf",
  label: "PDF",
  family: "pdf",
  recognise: () => 10,
  keeps:
    "Each page's text in reading order, tables where text stands in columns, the outline's headings as titles, filled-in form fields with what was ticked and chosen, remarks and what they strike through; what is filled into a form without pages of its own as a child; embedded files, those in remarks too, as children. Pages that are pictures, and pages whose text layer is damaged, are recognised.",
  codes: ["document_encrypted", "document_illegible", "ocr_required"],
  limits: ["maxPages", "maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/pdf"],
  aliases: ["application/x-pdf", "application/acrobat"],
  async parse(source, out, limits) {
    const document = await PdfDocument.open(source.path);
    try {
      if (document.pages > limits.maxPages) throw new SluiceError("limit_pages");
      out.pages(document.pages);
      out.header({ title: await document.title() });
      const files = new Files(out);
      const form = document.dynamicForm();
      if (form !== null) await dynamicForm(form, out);
      await pages(document, out, files);
      const attachments = await document.attachments();
      if (attachments === null) out.warn("attachments_unread");
      for (const file of attachments ?? []) await files.give(file);
    } finally {
      await document.destroy();
    }
  },
};

/** Its pages show no more than that another program is needed. The questions are for that program; the answers are XML. */
async function dynamicForm(form: Buffer, out: Output): Promise<void> {
  out.warn("form_dynamic");
  if (form.length > 0)
    await out.child({ path: "form", fileName: "form.xml", declaredType: "application/xml", bytes: form });
}

/** Files within, each once: what a remark on a page holds may be listed with the document's own as well. */
class Files {
  readonly #out: Output;
  readonly #given = new Set<string>();

  constructor(out: Output) {
    this.#out = out;
  }

  async give({ name, bytes }: PdfFile): Promise<void> {
    if (bytes.length === 0) return this.#out.warn("attachment_unreadable");
    const key = `${name}\n${createHash("sha256").update(bytes).digest("hex")}`;
    if (this.#given.has(key)) return;
    const path = `attachment[${this.#given.size}]`;
    this.#given.add(key);
    await this.#out.child({ path, fileName: name || null, declaredType: null, bytes });
  }
}

/** One page at a time: its text is handed on before the next is read. */
async function pages(document: PdfDocument, out: Output, files: Files): Promise<void> {
  const count = { text: 0, recognised: 0, image: 0, blank: 0, unreadable: 0 };
  const outline = await document.outline();
  let under: OutlineEntry | undefined;
  for (let number = 1; number <= document.pages; number += 1) {
    const page = await readPage(document, number, out);
    const picture = () => document.picture(number);
    if (page.kind === "image") {
      count[await writePicturePage(out, number, picture)] += 1;
    } else if (page.kind === "doubtful") {
      count[await writeBetter(out, number, page, picture)] += 1;
    } else {
      count[page.kind] += 1;
      if (page.kind === "unreadable") out.warn("page_unreadable", number);
      await out.page(page.kind);
      if (page.kind === "text") under = await writeLayout(out, page.blocks, outline.get(number) ?? [], under);
    }
    if (page.isDamaged) out.warn("page_damaged", number);
    for (const file of page.files) await files.give(file);
  }
  if (count.text + count.recognised > 0) return;
  if (count.image > 0) throw new SluiceError("ocr_required");
  if (count.unreadable === 0) return;
  // Another reader may be able to draw what pdf.js can't.
  throw new SluiceError((await document.hasPictures()) ? "ocr_required" : "document_corrupt");
}

/**
 * A page's lines and tables; a line that the outline names begins a section of that title, and what follows on later pages stays under it.
 * Answers the entry that is last in force.
 */
async function writeLayout(
  out: Output,
  blocks: readonly LayoutBlock[],
  entries: readonly OutlineEntry[],
  under: OutlineEntry | undefined,
): Promise<OutlineEntry | undefined> {
  let current = under;
  const named = new Map([...entries].reverse().map((entry) => [squeezed(entry.title), entry]));
  await out.begin(current);
  for (const block of blocks) {
    if ("rows" in block) {
      await out.table({ ...block, gap: "\n" });
      continue;
    }
    let lines: string[] = [];
    for (const line of block.lines) {
      const heading = named.size > 0 ? named.get(squeezed(line)) : undefined;
      if (heading) {
        if (lines.length > 0) await out.text(lines.join("\n"));
        lines = [];
        current = heading;
        await out.begin(heading);
      }
      lines.push(line);
    }
    if (lines.length > 0) await out.text(lines.join("\n"));
  }
  return current ?? entries.at(-1);
}

function squeezed(text: string): string {
  return forSearch(text)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");
}

/** Of a text layer that may not say what the page shows, and what is recognised on the page: what says more. */
async function writeBetter(
  out: Output,
  number: number,
  { text, isLayerDamaged }: { text: string; isLayerDamaged: boolean },
  picture: () => Promise<Picture>,
): Promise<"text" | "recognised"> {
  let isUndrawn = false;
  const recognised = await out.recognise({ number, picture }).catch((error: unknown) => {
    isUndrawn = isDamage(error);
    if (isUndrawn) return null;
    throw error;
  });
  // Beside the layer there is a picture that nobody has read.
  if (!recognised && !isLayerDamaged) out.warn(isUndrawn ? "page_damaged" : "page_needs_ocr", number);
  if (recognised?.kind === "ocr" && (isLayerDamaged || lettersIn(recognised.text) >= lettersIn(text))) {
    await writeRecognised(out, recognised);
    return "recognised";
  }
  await out.page("text");
  if (isLayerDamaged) out.warn("text_layer_damaged", number);
  await out.section({ text });
  return "text";
}

type PageKind =
  | { kind: "text"; blocks: LayoutBlock[] }
  | { kind: "image" | "blank" | "unreadable" }
  | { kind: "doubtful"; text: string; isLayerDamaged: boolean };
/** With files that lie in remarks on it, and whether something on it could not be read. */
type PageRead = PageKind & { files: PdfFile[]; isDamaged: boolean };

/** A damaged page does not take the others with it. */
async function readPage(document: PdfDocument, number: number, out: Output): Promise<PageRead> {
  try {
    const { blocks, text, layer, lacksNotes, ...rest } = await document.page(number);
    if (lacksNotes) out.warn("annotations_unread", number);
    if (layer === "none") return { kind: await document.look(number), ...rest };
    if (layer === "damaged") return { kind: "doubtful", text, isLayerDamaged: true, ...rest };
    // A line that a fax machine or a scanning program put over a picture of the page.
    const isShort = layer === "sparse" || lettersIn(text) < fewLettersOverPicture;
    const isOverPicture = isShort && (await document.pictureShare(number)) >= scanShare;
    return isOverPicture
      ? { kind: "doubtful", text, isLayerDamaged: false, ...rest }
      : { kind: "text", blocks, ...rest };
  } catch {
    return { kind: "unreadable", files: [], isDamaged: false };
  }
}
