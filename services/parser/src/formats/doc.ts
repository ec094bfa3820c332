import { Compound } from "../reading/compound.js";
import { writeStorages } from "../reading/embedded.js";
import { FlowText } from "../reading/flow-text.js";
import { writeArt } from "../reading/office-art.js";
import { wholeFile } from "../reading/whole-file.js";
import { readWordBinary, type WordParagraph, type WordPart } from "../reading/word-binary.js";
import { blocksText, writeSection } from "../writing/blocks.js";
import type { Format, Output, SectionHead } from "./format.js";

/** Word documents of 6 to 2003. */
export const doc: Format = {
  name: "doc",
  label: "Word 97–2003 (DOC)",
  family: "cfb",
  recognise: async (probe) => ((await probe.cfbNames()).includes("WordDocument") ? 10 : null),
  keeps:
    "Page headers and footers, body by headings, lists with the numbers that their paragraphs give themselves, tables with their cells, text boxes, notes and remarks; embedded files, and pictures that are no ornaments, as children; no deleted or hidden text.",
  codes: ["document_encrypted"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/msword"],
  aliases: ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/rtf"],
  async parse(source, out, limits) {
    const file = new Compound(await wholeFile(source, limits));
    const body = new Body(out);
    const apart = new Map<WordPart, string[]>();
    for (const paragraph of readWordBinary(file)) {
      if (paragraph.part === "body") await body.add(paragraph);
      else if (paragraph.text.trim()) {
        const said = apart.get(paragraph.part) ?? [];
        said.push(lines(paragraph.text));
        apart.set(paragraph.part, said);
      }
    }
    await body.end();
    for (const [part, texts] of apart) {
      // The same header for first, even and odd pages is one header.
      const said = part === "headers" ? [...new Set(texts)] : texts;
      if (part !== "macros") await out.section({ text: said.join("\n") });
    }
    await writeStorages(file, /^_\d+$/, out);
    await writeArt([file.find("Data"), file.find("WordDocument")], out);
  },
};

/** Line breaks within paragraphs. */
function lines(text: string): string {
  return text.replaceAll("\v", "\n");
}

/** Paragraphs into sections, cells into rows. */
class Body {
  readonly #out: Output;
  readonly #flow = new FlowText();
  #head: SectionHead = {};
  /** Of the row that is open, and of its last cell. */
  #cells: string[] = [];
  #cell: string[] = [];
  #waiting = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  async add({ text: own, lead, ends, heading }: WordParagraph): Promise<void> {
    const text = own.trim() ? lead + own : own;
    if (ends === "cell") {
      this.#cells.push([...this.#cell, lines(text)].join("\n"));
      this.#cell = [];
    } else if (ends === "row") this.#row();
    else if (ends === "line") this.#cell.push(lines(text));
    else {
      if (this.#cells.length > 0) this.#row();
      if (heading && text.trim()) {
        await this.#finish();
        this.#head = { level: heading, title: text.replace(/\s+/g, " ").trim() };
      }
      for (const part of text.split(/([\v\t])/)) {
        if (part === "\t") this.#flow.raw(part);
        else if (part === "\v") this.#flow.breakLine(1);
        else this.#flow.add(part);
      }
      this.#flow.breakLine(heading ? 2 : 1);
      this.#waiting += 1;
    }
    if (this.#waiting > 2_000) await this.#write();
  }

  async end(): Promise<void> {
    if (this.#cells.length > 0) this.#row();
    await this.#finish();
  }

  #row(): void {
    this.#flow.openRow();
    for (const cell of this.#cells) {
      this.#flow.openCell();
      this.#flow.raw(cell.trim());
      this.#flow.closeCell();
    }
    this.#flow.closeRow();
    [this.#cells, this.#cell] = [[], []];
    this.#waiting += 1;
  }

  async #finish(): Promise<void> {
    await this.#write();
    this.#head = {};
  }

  async #write(): Promise<void> {
    const blocks = this.#flow.take();
    this.#waiting = 0;
    if (!blocksText(blocks).trim()) return;
    await writeSection(this.#out, { head: this.#head, blocks });
  }
}
