import { type RecognisedPage, SluiceError } from "@sluice/contracts";
import type { Output, SectionHead } from "../formats/format.js";
import type { Picture } from "../picture/picture.js";
import { isDoubtful } from "./legibility.js";

/** Writes a recognised page: a section of its own, found again line by line. What can't be read is not text, and is said. */
export async function writeRecognised(out: Output, page: RecognisedPage, head: SectionHead = {}): Promise<void> {
  const isText = page.kind === "ocr" && page.text.trim() !== "";
  const kind = page.kind === "ocr" && !isText ? "unreadable" : page.kind;
  const { number } = await out.page(
    kind,
    isText ? page : { confidence: kind === "unreadable" ? page.confidence : null },
  );
  if (kind === "unreadable") out.warn("page_illegible", number);
  if (!isText) return;
  if (isDoubtful(page)) out.warn("low_legibility", number);
  await out.section({ ...head, text: page.text });
}

/** How a page that is a picture ended: read (or found to be blank), left as a picture as nobody recognises here, or damaged. */
export type PictureOutcome = "recognised" | "image" | "unreadable";

/** Recognises and writes a page that is nothing but a picture. A damaged one does not take the others with it. */
export async function writePicturePage(
  out: Output,
  number: number,
  picture: () => Promise<Picture>,
): Promise<PictureOutcome> {
  let page: RecognisedPage | null;
  try {
    page = await out.recognise({ number, picture });
  } catch (error) {
    if (!isDamage(error)) throw error;
    await out.page("unreadable");
    out.warn("page_unreadable", number);
    return "unreadable";
  }
  if (page) {
    await writeRecognised(out, page);
    return "recognised";
  }
  await out.page("image");
  out.warn("page_needs_ocr", number);
  return "image";
}

export function isDamage(error: unknown): boolean {
  return error instanceof SluiceError && error.code === "document_corrupt";
}
