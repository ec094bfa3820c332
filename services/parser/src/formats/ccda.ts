import { SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import { decompressed, fromBase64 } from "../reading/attachment.js";
import { toldEntries } from "../reading/cda-entries.js";
import { codedWords } from "../reading/cda-facts.js";
import { cdaCode, cdaHeader, cdaPatients, headerLines } from "../reading/cda-header.js";
import type { Narrative } from "../reading/cda-narrative.js";
import { type CdaNode, CdaTreeBuilder, find, findAll, plain, xpath } from "../reading/cda-tree.js";
import { fileEncoding, readSample } from "../reading/encoding.js";
import { readXml, xmlEncoding, xmlText } from "../reading/xml.js";
import { blocksText } from "../writing/blocks.js";
import { writeHeader } from "../writing/statements.js";
import type { Format, Limits, Output } from "./format.js";

/** Clinical documents, or a section of one by itself: the header, each section's narrative with its code, what its entries state, embedded documents. */
export const ccda: Format = {
  name: "ccda",
  label: "C-CDA",
  family: "xml",
  recognise: (probe) => {
    const root = probe.xmlRoot()?.name;
    if (root === "ClinicalDocument") return 20;
    return root === "section" && probe.text().includes("<templateId") ? 15 : null;
  },
  keeps:
    "The header (patients, encounter, type, dates, numbers, version, what it replaces; its people and places as text), each section's narrative with its code and title, tables with their cells; what entries state as facts with the narrative they refer to; of what entries say the rest as text; an unstructured body and embedded media as children.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/cda+xml"],
  aliases: ["application/xml", "text/xml", "text/plain", "application/hl7-cda+xml", "application/hl7-sda+xml"],
  async parse(source, out, limits) {
    const tree = new CdaTreeBuilder();
    const writer = new DocumentWriter(tree, out, limits);
    await readXml(writer.following(xmlText(source.path)), tree, limits.maxDepth);
    await writer.end();
    if (tree.hasUndeclared) out.warn("namespace_undeclared");
    if (await declaresWrongly(source.path)) out.warn("encoding_declared_wrong");
  },
};

/** Whether a file says it is in an encoding that its bytes are not in. */
async function declaresWrongly(path: string): Promise<boolean> {
  const declared = xmlEncoding(await readSample(path, 400))?.toLowerCase();
  if (!declared || declared === "us-ascii") return false;
  try {
    return (
      new TextDecoder(declared).encoding !== new TextDecoder(await fileEncoding(path, declared)).encoding &&
      !(await isAscii(path))
    );
  } catch {
    return true;
  }
}

/** Of what a file begins with: every encoding that is declared agrees on it. */
async function isAscii(path: string): Promise<boolean> {
  return (await readSample(path)).every((byte) => byte < 0x80);
}

class DocumentWriter {
  readonly #tree: CdaTreeBuilder;
  readonly #out: Output;
  readonly #limits: Limits;
  #hasHeader = false;
  /** The title, until something is written below it. */
  #title: { title: string; code: ReturnType<typeof cdaCode> } | null = null;
  #patient: number | null = null;

  constructor(tree: CdaTreeBuilder, out: Output, limits: Limits) {
    this.#tree = tree;
    this.#out = out;
    this.#limits = limits;
  }

  /** The pieces of the file; before each next one the sections that are complete are written. */
  async *following(pieces: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const piece of pieces) {
      yield piece;
      await this.#sections();
    }
  }

  async end(): Promise<void> {
    const { root } = this.#tree;
    if (root?.name !== "ClinicalDocument" && root?.name !== "section") throw new SluiceError("document_corrupt");
    await this.#sections();
    if (!this.#hasHeader) await this.#header(root);
    for (const body of findAll(root, "component", "nonXMLBody")) await this.#unstructured(body);
  }

  async #sections(): Promise<void> {
    const { root, sections } = this.#tree;
    for (const section of sections.splice(0)) {
      if (root && !this.#hasHeader) await this.#header(root);
      await this.#section(section, 1);
    }
  }

  /** What comes before the body; it is complete when the first section is. */
  async #header(root: CdaNode): Promise<void> {
    this.#hasHeader = true;
    if (root.name !== "ClinicalDocument") return;
    const header = cdaHeader(root);
    writeHeader(this.#out, header);
    const places = cdaPatients(root).map((each) => this.#out.patient(each));
    // Of several patients none can be told to be the one that a statement is about.
    this.#patient = new Set(places).size === 1 ? (places[0] ?? null) : null;
    this.#title = header.title ? { title: header.title, code: header.type } : null;
    const lines = headerLines(root);
    if (lines.length === 0) return;
    if (this.#title) await this.#begin();
    else await this.#out.begin({ code: header.type });
    for (const line of lines) await this.#out.text(line);
  }

  /** Writes the title where it is still to be written. */
  async #begin(): Promise<void> {
    const title = this.#title;
    this.#title = null;
    if (!title) return;
    await this.#out.begin(title);
    await this.#out.text(title.title);
  }

  async #section(section: CdaNode, level: number): Promise<void> {
    const title = plain(find(section, "title")) || null;
    const narrative = find(section, "text")?.narrative ?? null;
    const hasText = narrative !== null && blocksText(narrative.blocks).trim() !== "";
    const coded = hasText ? [] : findAll(section, "entry").map(codedWords).filter(Boolean);
    const inner = findAll(section, "component", "section");
    if (hasText || coded.length > 0 || (title && inner.some(isSaid))) {
      await this.#begin();
      await this.#out.begin({ level, title, code: cdaCode(find(section, "code")) });
      if (title) await this.#out.text(title);
      // Whom a section is about, if it is somebody else than the document.
      const subject = find(section, "subject");
      if (subject) await this.#out.text(`Subject: ${codedWords(subject) || "not the patient"}`);
      if (hasText) await narrative.write(this.#out);
      // Not for people's eyes by the standard, but all there is.
      else if (coded.length > 0) {
        await this.#out.text(coded.join("\n"));
        this.#out.warn("narrative_missing");
      }
    } else if (inner.length === 0) {
      this.#out.warn("section_empty");
    }
    await this.#facts(section, hasText ? narrative : null);
    for (const entry of findAll(section, "entry")) await this.#media(entry);
    for (const each of inner) await this.#section(each, level + 1);
  }

  async #facts(section: CdaNode, narrative: Narrative | null): Promise<void> {
    const { facts, unsaid } = toldEntries(section, narrative);
    const placed = unsaid.length > 0 ? await this.#out.text(unsaid.join("\n")) : null;
    const starts: number[] = [];
    let length = 0;
    for (const line of unsaid) {
      starts.push(length);
      length += line.length + 1;
    }
    for (const { line, ...fact } of facts) {
      const start = line === null ? undefined : starts[line];
      const own = start === undefined ? null : placed?.at(start, start + (unsaid[line as number]?.length ?? 0));
      await this.#out.fact({ ...fact, patient: this.#patient, evidence: own ?? fact.evidence });
    }
  }

  /** Documents and pictures within entries. */
  async #media(node: CdaNode): Promise<void> {
    if (node.attributes.representation === "B64" && node.text) await this.#embedded(node, xpath(node));
    else if (node.name === "observationMedia" && find(node, "value", "reference"))
      this.#out.warn("attachment_not_available");
    for (const child of node.children) await this.#media(child);
  }

  async #embedded(node: CdaNode, path: string): Promise<void> {
    const { mediaType, compression } = node.attributes;
    const encoded = fromBase64(node.text);
    const bytes = encoded && decompressed(encoded, compression, this.#limits);
    if (!bytes) return this.#out.warn("attachment_unreadable");
    await this.#out.child({ path, fileName: null, declaredType: mediaType ?? null, bytes });
  }

  async #unstructured(body: CdaNode): Promise<void> {
    const text = find(body, "text");
    if (!text) return this.#out.warn("attachment_not_available");
    const { mediaType, representation } = text.attributes;
    const content = text.text.trim();
    if (text.narrative && blocksText(text.narrative.blocks).trim()) {
      await this.#begin();
      await this.#out.begin();
      await text.narrative.write(this.#out);
    } else if (content && (representation === "B64" || isEncoded(content))) await this.#embedded(text, "nonXMLBody");
    else if (content && mediaType && mediaType !== "text/plain") {
      const child = { path: "nonXMLBody", fileName: null, declaredType: mediaType };
      await this.#out.child({ ...child, bytes: Buffer.from(content, "utf8") });
    } else if (content) {
      await this.#begin();
      await this.#out.section({ text: content });
    } else this.#out.warn("attachment_not_available");
  }
}

/** Whether base64 is in a body that does not say so: it holds a file of a kind that is known by its bytes. */
function isEncoded(content: string): boolean {
  const bytes = content.length < 64 ? undefined : fromBase64(content);
  const judged = bytes && sniff(bytes.subarray(0, 65_536));
  return judged !== undefined && judged.mediaType !== "text/plain";
}

/** Whether there is anything to read in a section. */
function isSaid(section: CdaNode): boolean {
  const narrative = find(section, "text")?.narrative;
  return (
    Boolean(narrative && blocksText(narrative.blocks).trim()) || findAll(section, "component", "section").some(isSaid)
  );
}
