import { SluiceError } from "@sluice/contracts";
import { fromBase64, unpacked } from "../reading/attachment.js";
import { cdaCode, cdaHeader } from "../reading/cda-header.js";
import { type CdaNode, CdaTreeBuilder, find, findAll } from "../reading/cda-tree.js";
import { readXml, xmlText } from "../reading/xml.js";
import { below, writeBlocks } from "../writing/blocks.js";
import { writeHeader } from "../writing/statements.js";
import type { Format, Limits, Output } from "./format.js";

/** Clinical documents: the header, each section's narrative with its code, an unstructured body as child. */
export const ccda: Format = {
  name: "ccda",
  label: "C-CDA",
  family: "xml",
  recognise: (probe) => (probe.xmlRoot()?.name === "ClinicalDocument" ? 20 : null),
  keeps:
    "The header (patient, type, dates), each section's narrative with its code and title, tables with their cells, coded entries where there is no narrative; an unstructured body as child.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/cda+xml"],
  aliases: ["application/xml", "text/xml", "text/plain", "application/hl7-cda+xml", "application/hl7-sda+xml"],
  async parse(source, out, limits) {
    const tree = new CdaTreeBuilder();
    await readXml(xmlText(source.path), tree, limits.maxDepth);
    if (tree.root?.name !== "ClinicalDocument") throw new SluiceError("document_corrupt");
    const header = cdaHeader(tree.root);
    writeHeader(out, header);
    const components = findAll(tree.root, "component");
    const hasNarrative = components.flatMap((component) => findAll(component, "structuredBody")).some(hasText);
    if (header.title && hasNarrative) await out.section({ title: header.title, code: header.type, text: header.title });
    for (const component of components) {
      for (const body of findAll(component, "structuredBody")) await sections(body, 1, out);
      await unstructured(find(component, "nonXMLBody", "text"), out, limits);
    }
  },
};

async function sections(parent: CdaNode, level: number, out: Output): Promise<void> {
  for (const section of findAll(parent, "component", "section")) {
    const title = find(section, "title")?.text.replace(/\s+/g, " ").trim() || null;
    const narrative = find(section, "text");
    let blocks = narrative?.text ? narrative.blocks : [];
    if (blocks.length === 0 && section.coded.length > 0) {
      // Not for people's eyes by the standard, but all there is.
      blocks = [{ gap: "\n", text: section.coded.join("\n") }];
      out.warn("narrative_missing");
    }
    const isParent = findAll(section, "component", "section").length > 0;
    if (blocks.length > 0 || (title && isParent && hasText(section))) {
      await out.begin({ level, title, code: cdaCode(find(section, "code")) });
      if (title) await out.text(title);
      await writeBlocks(out, below(blocks));
    } else if (!isParent) {
      out.warn("section_empty");
    }
    await sections(section, level + 1, out);
  }
}

function hasText(parent: CdaNode): boolean {
  return Boolean(find(parent, "text")?.text) || findAll(parent, "component", "section").some(hasText);
}

async function unstructured(text: CdaNode | undefined, out: Output, limits: Limits): Promise<void> {
  if (!text) return;
  const { mediaType, representation } = text.attributes;
  const content = text.text.trim();
  const bytes = representation === "B64" || !content ? fromBase64(content) : undefined;
  if (bytes) {
    const child = { path: "nonXMLBody", fileName: null, declaredType: mediaType ?? null };
    await out.child({ ...child, bytes: unpacked(bytes, limits) });
  } else if (content) {
    await out.section({ text: content });
  } else {
    out.warn("attachment_not_available");
  }
}
