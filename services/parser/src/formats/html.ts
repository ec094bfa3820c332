import { maxSectionLength, SluiceError } from "@sluice/contracts";
import { Parser } from "htmlparser2";
import { fromBase64 } from "../reading/attachment.js";
import { charsetOf } from "../reading/declared.js";
import { fileEncoding, readSample, readText } from "../reading/encoding.js";
import { MarkupFlow } from "../reading/markup-flow.js";
import { type Block, blocksText, type FlowSection, writeSection } from "../writing/blocks.js";
import { minPicture } from "../writing/mail-parts.js";
import { cutPoint } from "../writing/split.js";
import type { Format, Output, SectionHead } from "./format.js";

/** Browsers stop at 512 open elements; beyond this a page is an attack on the reader. */
const maxOpenElements = 10_000;

/** Headings begin sections; scripts and styles are dropped; a table is a line a row. */
export const html: Format = {
  name: "html",
  label: "HTML",
  family: "text",
  recognise: ({ mediaType, declared }) => {
    if (mediaType === "text/html") return 10;
    return mediaType === "text/plain" && declared === "text/html" ? 5 : null;
  },
  keeps:
    "Headings as sections, paragraphs, lists, tables with their cells, filled-in forms; pictures within the page that are no ornaments as children; no scripts, no styles.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["text/html"],
  aliases: ["application/xhtml+xml", "text/plain", "application/xml", "text/xml"],
  async parse(source, out) {
    const encoding = await fileEncoding(
      source.path,
      charsetOf(source.declaredType) ?? (await metaCharset(source.path)),
    );
    await writeHtml(readText(source.path, encoding), out);
  },
};

/** Writes a page: its headings begin sections. */
export async function writeHtml(pieces: AsyncIterable<string> | Iterable<string>, out: Output): Promise<void> {
  const reader = new HtmlReader();
  for await (const piece of pieces) {
    reader.write(piece);
    for (const section of reader.take()) await writeSection(out, section);
  }
  for (const section of reader.end()) await writeSection(out, section);
  await writeInline(reader.pictures, out);
  if (reader.title || reader.language) {
    out.header({ title: reader.title.replace(/\s+/g, " ").trim() || null, language: reader.language });
  }
}

async function metaCharset(path: string): Promise<string | null> {
  const head = (await readSample(path, 4_096)).toString("latin1");
  return (
    /<meta[^>]+charset\s*=\s*["']?\s*([\w:-]+)/i.exec(head)?.[1] ??
    /^\s*<\?xml[^>]+encoding=["']([\w-]+)/i.exec(head)?.[1] ??
    null
  );
}

/** So many pictures of a page are handed on, and so many of their characters. */
const maxPictures = 500;
const maxPictureText = 64 * 1024 * 1024;

/** Pictures that stand in the page itself; an empty one is left out. */
async function writeInline(pictures: readonly string[], out: Output): Promise<void> {
  for (const [index, url] of pictures.entries()) {
    const comma = url.indexOf(",");
    const bytes = /;base64$/i.test(url.slice(0, comma)) ? fromBase64(url.slice(comma + 1)) : undefined;
    const type = /^data:(image\/[\w.+-]+)/i.exec(url)?.[1]?.toLowerCase() ?? null;
    if (!bytes || !/^image\/(png|jpe?g|tiff)$/.test(type ?? "")) out.warn("picture_skipped");
    else if (bytes.length < minPicture) out.warn("inline_picture_skipped");
    else await out.child({ path: `picture[${index}]`, fileName: null, declaredType: type, bytes });
  }
}

class HtmlReader {
  /** Addresses that hold a picture. */
  readonly pictures: string[] = [];
  #pictureText = 0;
  title = "";
  language: string | null = null;
  readonly #markup = new MarkupFlow();
  /** Null once the section was begun. */
  #head: SectionHead | null = {};
  #done: FlowSection[] = [];
  #inTitle = false;
  #depth = 0;

  readonly #parser = new Parser({
    onopentag: (name, attributes) => {
      this.#depth += 1;
      if (this.#depth > maxOpenElements) throw new SluiceError("limit_nesting");
      if (name === "html" && attributes.lang) this.language = attributes.lang;
      if (name === "title") this.#inTitle = this.title === "";
      if (name === "img") this.#picture(attributes.src ?? "");
      if (isHeading(name) && !this.#markup.flow.inCell) this.#finish();
      this.#markup.open(name, attributes);
    },
    ontext: (text) => {
      if (this.#inTitle) this.title += text;
      this.#markup.text(text);
    },
    onclosetag: (name) => {
      this.#depth -= 1;
      if (name === "title") this.#inTitle = false;
      this.#markup.close(name);
      if (isHeading(name) && !this.#markup.flow.inCell) this.#begin(Number(name[1]));
    },
  });

  #picture(src: string): void {
    if (!/^data:image\//i.test(src)) return;
    this.#pictureText += src.length;
    const isKept = this.pictures.length < maxPictures && this.#pictureText < maxPictureText;
    this.pictures.push(isKept ? src : "");
  }

  write(piece: string): void {
    this.#parser.write(piece);
    // A page without headings must not pile up.
    while (this.#markup.flow.length > maxSectionLength * 8) this.#cut();
  }

  take(): FlowSection[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  end(): FlowSection[] {
    this.#parser.end();
    this.#finish();
    return this.take();
  }

  #finish(): void {
    this.#done.push({ head: this.#head, blocks: this.#markup.flow.take() });
    this.#head = {};
  }

  #begin(level: number): void {
    const title = blocksText(this.#markup.flow.take());
    this.#head = { level, title: title.replace(/\s+/g, " ") };
    this.#markup.flow.raw(title);
    this.#markup.flow.breakLine(2);
  }

  /** Hands on what there is; of a text that may go on in the middle of a word, what is before its last break. */
  #cut(): void {
    const blocks = this.#markup.flow.take();
    const last = blocks.at(-1);
    if (last && "text" in last) {
      const at = last.text.length > maxSectionLength ? cutPoint(last.text, last.text.length - maxSectionLength / 2) : 0;
      this.#markup.flow.raw(last.text.slice(at));
      blocks.pop();
      if (at > 0) blocks.push({ ...last, text: last.text.slice(0, at) });
    }
    this.#done.push({ head: this.#head, blocks });
    this.#head = null;
  }
}

function isHeading(name: string): boolean {
  return /^h[1-6]$/.test(name);
}

/** A fragment of HTML, such as a FHIR narrative, in blocks. */
export function htmlBlocks(fragment: string): Block[] {
  const markup = new MarkupFlow();
  const parser = new Parser({
    onopentag: (name, attributes) => markup.open(name, attributes),
    ontext: (text) => markup.text(text),
    onclosetag: (name) => markup.close(name),
  });
  parser.write(fragment);
  parser.end();
  return markup.flow.take();
}

/** The same as text. */
export function htmlToText(fragment: string): string {
  return blocksText(htmlBlocks(fragment));
}
