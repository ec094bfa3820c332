import { DrawingText } from "../reading/drawing-text.js";
import { writeEmbedded } from "../reading/embedded.js";
import { Package } from "../reading/package.js";
import { writePictures } from "../reading/package-pictures.js";
import { Zip } from "../reading/zip.js";
import { blocksText, writeBlocks } from "../writing/blocks.js";
import type { Format, Output } from "./format.js";

/** Presentations: a page a slide, with its notes. */
export const pptx: Format = {
  name: "pptx",
  label: "PowerPoint (PPTX)",
  family: "zip",
  recognise: async (probe) => ((await probe.zipMembers()).some(({ name }) => isShow(name)) ? 10 : null),
  keeps:
    "A page a slide: its text with tables and diagrams, its notes and remarks; embedded files, and pictures that are no ornaments, as children.",
  codes: ["document_encrypted"],
  limits: ["maxPages", "maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/vnd.openxmlformats-officedocument.presentationml.presentation"],
  aliases: [
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
    "application/zip",
  ],
  async parse(source, out, limits) {
    const zip = await Zip.open(source.path, limits);
    try {
      const files = new Package(zip, limits);
      const slides = await slideParts(files, zip.members.find(({ name }) => isShow(name))?.name ?? "");
      out.pages(slides.length);
      for (const [index, part] of slides.entries()) await writeSlide(files, part, index + 1, out);
      await writeEmbedded(zip, "ppt/", out, limits);
      await writePictures(files, out);
    } finally {
      zip.close();
    }
  },
};

function isShow(name: string): boolean {
  return /^ppt\/presentation\d*\.xml$/i.test(name);
}

/** The slides in the order they are shown in. */
async function slideParts(files: Package, show: string): Promise<string[]> {
  const related = await files.relationships(show);
  const parts: string[] = [];
  await files.read(show, {
    open(name, { id = "" }) {
      const target = name === "sldId" ? related.get(id)?.target : undefined;
      if (target) parts.push(target);
    },
    text() {},
    close() {},
  });
  return parts;
}

async function writeSlide(files: Package, part: string, number: number, out: Output): Promise<void> {
  const slide = new DrawingText();
  await files.read(part, slide);
  const blocks = slide.flow.take();
  const more: { title: string; text: string }[] = [];
  for (const { type, target } of (await files.relationships(part)).values()) {
    const title = { notesSlide: "Notes", comments: "Comments", diagramData: "Diagram" }[type];
    if (!title) continue;
    const text = new DrawingText();
    await files.read(target, text);
    const own = blocksText(text.flow.take()).trim();
    if (own) more.push({ title, text: own });
  }
  const isEmpty = !blocksText(blocks).trim() && more.length === 0;
  await out.page(!isEmpty ? "text" : slide.pictures > 0 ? "image" : "blank");
  if (isEmpty && slide.pictures > 0) out.warn("page_without_text", number);
  if (slide.isHidden) out.warn("slide_hidden", number);
  if (isEmpty) return;
  await out.begin({ title: slide.title.replace(/\s+/g, " ").trim() || null });
  await writeBlocks(out, blocks);
  for (const { title, text } of more) await out.text(`${title}: ${text}`, "\n\n");
}
