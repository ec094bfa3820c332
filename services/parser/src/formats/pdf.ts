import { type RecognisedPage, SluiceError } from "@sluice/contracts";
import { PdfDocument } from "../reading/pdf-document.js";
import { writeRecognised } from "../recognition/write-page.js";
import type { Format, Output } from "./format.js";

/** The text layer, a section a page; pages that are pictures are marked, and a document of only such pages waits for OCR. */
export const pdf: Format = {
  name: "pdf",
  label: "PDF",
  family: "pdf",
  recognise: () => 10,
  keeps:
    "Each page's text in reading order, filled-in form fields, remarks; embedded files as children. Pages that are pictures go to recognition.",
  codes: ["document_encrypted", "ocr_required"],
  limits: ["maxPages", "maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/pdf"],
  aliases: ["application/x-pdf", "application/acrobat"],
  async parse(source, out, limits) {
    const document = await PdfDocument.open(source.path);
    try {
      if (document.pages > limits.maxPages) throw new SluiceError("limit_pages");
      out.pages(document.pages);
      out.header({ title: await document.title() });
      await pages(document, out);
      const attachments = await document.attachments();
      for (const [index, { name, bytes }] of attachments.entries()) {
        await out.child({ path: `attachment[${index}]`, fileName: name, declaredType: null, bytes });
      }
    } finally {
      await document.destroy();
    }
  },
};

/** One page at a time: its text is handed on before the next is read. */
async function pages(document: PdfDocument, out: Output): Promise<void> {
  const count = { text: 0, ocr: 0, image: 0, blank: 0, unreadable: 0 };
  for (let number = 1; number <= document.pages; number += 1) {
    const page = await readPage(document, number);
    const recognised = page.kind === "image" ? await recognise(document, number, out) : null;
    if (recognised === "unreadable") {
      page.kind = "unreadable";
    } else if (recognised) {
      count.ocr += 1;
      await writeRecognised(out, recognised);
      continue;
    }
    count[page.kind] += 1;
    if (page.kind === "image") out.warn("page_needs_ocr", number);
    if (page.kind === "unreadable") out.warn("page_unreadable", number);
    await out.page(page.kind);
    if (page.kind === "text") await out.section({ text: page.text });
  }
  if (count.text + count.ocr > 0) return;
  if (count.image > 0) throw new SluiceError("ocr_required");
  if (count.unreadable === 0) return;
  // Another reader may be able to draw what pdf.js can't.
  throw new SluiceError((await document.hasPictures()) ? "ocr_required" : "document_corrupt");
}

/** The page's text off its picture; null where nothing here can recognise it, `unreadable` where it can't be drawn. */
async function recognise(
  document: PdfDocument,
  number: number,
  out: Output,
): Promise<RecognisedPage | "unreadable" | null> {
  let isDrawn = true;
  const image = async () => {
    isDrawn = false;
    const picture = await document.picture(number);
    isDrawn = true;
    return picture;
  };
  try {
    return await out.recognise({ number, image });
  } catch (error) {
    if (isDrawn) throw error;
    return "unreadable";
  }
}

/** A damaged page does not take the others with it. */
async function readPage(
  document: PdfDocument,
  number: number,
): Promise<{ kind: "text" | "image" | "blank" | "unreadable"; text: string }> {
  try {
    const text = await document.text(number);
    if (/[^\s\p{C}]/u.test(text)) return { kind: "text", text };
    return { kind: await document.look(number), text: "" };
  } catch {
    return { kind: "unreadable", text: "" };
  }
}
