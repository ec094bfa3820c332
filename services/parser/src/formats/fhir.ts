import { SluiceError } from "@sluice/contracts";
import { Attachments } from "../reading/fhir-attachments.js";
import { conceptCode, conceptText } from "../reading/fhir-concepts.js";
import { fhirFacts, isModified } from "../reading/fhir-facts.js";
import { isObject, type JsonObject, objects, readableLines, str } from "../reading/fhir-readable.js";
import { FhirSource, type Found, join } from "../reading/fhir-source.js";
import { type Survey, survey } from "../reading/fhir-survey.js";
import { type Block, below, blocksText, writeBlocks } from "../writing/blocks.js";
import { plain, Said, says } from "../writing/said.js";
import { writeHeader } from "../writing/statements.js";
import type { Format, Limits, Output } from "./format.js";
import { htmlBlocks } from "./html.js";

/** Resources, Bundles and lines of resources: a section a resource, its narrative or else its coded content in words. */
export const fhir: Format = {
  name: "fhir",
  label: "FHIR (JSON)",
  family: "json",
  recognise: ({ mediaType }) => (mediaType === "application/fhir+json" ? 10 : null),
  keeps:
    "A section a resource: its narrative, and of its coded content what that does not say; sections of compositions; observations, conditions, allergies, medications, procedures and immunizations as facts; patients, encounter, numbers, status, what it replaces; attachments as children.",
  codes: ["document_type_unsupported", "limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/fhir+json"],
  aliases: [
    "application/json",
    "application/json+fhir",
    "application/fhir+ndjson",
    "application/ndjson",
    "application/x-ndjson",
    "text/plain",
  ],
  async parse(source, out, limits) {
    await parseFhir(await FhirSource.open(source.path, source.size, limits.maxDepth), out, limits);
  },
};

/** Reads resources, in whichever form the file has them. */
export async function parseFhir(file: FhirSource, out: Output, limits: Limits): Promise<void> {
  const known = await survey(file, out);
  if (known.count === 0)
    throw new SluiceError(known.frame.unreadable > 0 ? "document_corrupt" : "document_type_unsupported");
  writeHeader(out, known.header);
  if (known.isAboutMany) out.aboutMany();
  if (known.frame.unreadable > 0) out.warn("lines_unreadable");
  const attachments = new Attachments(out, limits, known.isHere);
  for await (const found of file.resources()) {
    await section(found, known, out, limits);
    await attachments.write(found.resource, found.path);
  }
}

async function section(found: Found, known: Survey, out: Output, limits: Limits): Promise<void> {
  const { resource, path } = found;
  const type = String(resource.resourceType);
  if (type === "Binary") return;
  const title = str(resource.title) ?? conceptText(resource.code) ?? conceptText(resource.type);
  // A composition's sections come after it, each by itself.
  const own = type === "Composition" ? { ...resource, section: [] } : resource;
  const blocks = narrative(resource);
  const missing = unsaid(blocksText(blocks), readableLines(own, limits.maxDepth));
  const code = conceptCode(resource.code) ?? conceptCode(resource.type);
  const hidesMeaning = isModified(resource, limits.maxDepth);
  if (hidesMeaning) out.warn("modifier_unknown");
  const isPast = known.isPast(found);
  if (isPast) out.warn("earlier_version");
  const facts =
    hidesMeaning || isPast ? [] : fhirFacts(resource, (reference) => known.medications.find(reference, found));
  const said = new Said();
  if (blocks.length > 0 || missing || facts.length > 0) {
    await out.begin({ title: title ? `${type}: ${title}` : type, code });
    const head = `${title ?? type}${isPast ? " [earlier version]" : ""}`;
    await say(out, said, [{ gap: "\n", text: head }, ...below(blocks), { gap: "\n", text: missing }]);
  }
  const patient = facts.length > 0 ? known.patientOf(found) : null;
  for (const { at, ...fact } of facts) {
    const evidence = said.find(fact.text, fact.value, true);
    await out.fact({ ...fact, source: join(path, at).replace(/\.$/, "") || type, patient, evidence });
  }
  if (type === "Composition") await compositionSections(resource, 2, out, limits);
}

async function say(out: Output, said: Said, blocks: readonly Block[]): Promise<void> {
  for (const block of blocks) {
    if ("rows" in block) said.table(await out.table(block), block.rows);
    else said.text(await out.text(block.text, block.gap), block.text);
  }
}

async function compositionSections(parent: JsonObject, level: number, out: Output, limits: Limits): Promise<void> {
  if (level > limits.maxDepth) throw new SluiceError("limit_nesting");
  for (const part of objects(parent.section)) {
    const title = str(part.title) ?? conceptText(part.code);
    const blocks = narrative(part);
    const emptyReason = conceptText(part.emptyReason) ?? conceptCode(part.emptyReason)?.code;
    if (blocks.length > 0 || emptyReason || (title && objects(part.section).length > 0)) {
      await out.begin({ level, title, code: conceptCode(part.code) });
      if (title) await out.text(title);
      await writeBlocks(out, below(blocks));
      if (emptyReason) await out.text(`Empty reason: ${emptyReason}`);
    }
    await compositionSections(part, level + 1, out, limits);
  }
}

/** So many characters are gone through to find what a narrative says; what is not found by then is said again. */
const maxSearched = 50_000_000;

/** Of the coded content what the narrative does not say. A mere yes or no may be said of anything. */
function unsaid(text: string, lines: string[]): string {
  const known = plain(text);
  const words = new Set(known.match(/[\p{L}\p{N}]+/gu));
  let searched = 0;
  const isSaid = (phrase: string) => {
    if (phrase === "") return true;
    if (/^(true|false)$/.test(phrase)) return false;
    if (phrase.match(/[\p{L}\p{N}]+/gu)?.some((word) => !words.has(word))) return false;
    searched += known.length;
    return searched <= maxSearched && says(known, phrase);
  };
  return lines.filter((line) => !isSaid(plain(line.slice(line.indexOf(": ") + 2)))).join("\n");
}

function narrative(resource: JsonObject): Block[] {
  const blocks = isObject(resource.text) ? htmlBlocks(str(resource.text.div) ?? "") : [];
  return blocksText(blocks).trim() ? blocks : [];
}
