import type { RecognisedPage } from "@sluice/contracts";
import type { Output, SectionHead } from "../formats/format.js";

/** Writes a recognised page: a section of its own, found again line by line. */
export async function writeRecognised(out: Output, page: RecognisedPage, head: SectionHead = {}): Promise<void> {
  const { number } = await out.page("ocr", page);
  if (page.text.trim()) await out.section({ ...head, text: page.text });
  else out.warn("page_without_text", number);
}
