import { SluiceError } from "@sluice/contracts";
import { fromBase64, unpacked } from "../reading/attachment.js";
import { fileEncoding, readWhole } from "../reading/encoding.js";
import { conceptCode, conceptText, fhirHeader } from "../reading/fhir-header.js";
import { isObject, type Json, type JsonObject, list, objects, readableLines, str } from "../reading/fhir-readable.js";
import { type Block, below, blocksText, writeBlocks } from "../writing/blocks.js";
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
    "A section a resource: its narrative, and of its coded content what that does not say; sections of compositions; attachments as children.",
  codes: ["document_type_unsupported", "limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/fhir+json"],
  aliases: [
    "application/json",
    "application/json+fhir",
    "application/fhir+ndjson",
    "application/x-ndjson",
    "text/plain",
  ],
  async parse(source, out, limits) {
    const json = parseJson((await readWhole(source.path, await fileEncoding(source.path))).trim());
    const found = json.flatMap(({ resource, path }) => unfold(resource, path, 0, limits));
    if (found.length === 0) throw new SluiceError("document_type_unsupported");
    const resources = found.map(({ resource }) => resource);
    writeHeader(out, fhirHeader(resources));
    for (const { resource, path } of found) {
      await section(resource, out, limits);
      await attachments(resource, path, out, limits, 0);
    }
    if (findsUnavailable(resources)) out.warn("attachment_not_available");
  },
};

interface Found {
  resource: JsonObject;
  path: string;
}

/** One value, or one a line as bulk exports have it. */
function parseJson(text: string): Found[] {
  const resource = (value: Json, path: string) => (isObject(value) ? [{ resource: value, path }] : []);
  try {
    const whole = JSON.parse(text) as Json;
    return list(whole).flatMap((value, index) => resource(value, Array.isArray(whole) ? `[${index}]` : ""));
  } catch {
    const lines = text.split("\n").filter((line) => line.trim());
    if (lines.length < 2) throw new SluiceError("document_corrupt");
    return lines.flatMap((line, index) => resource(JSON.parse(line) as Json, `line[${index}]`));
  }
}

/** The resources in a resource: entries of bundles, contained ones, parameters; each with its path. */
function unfold(resource: JsonObject, path: string, depth: number, limits: Limits): Found[] {
  if (depth > limits.maxDepth) throw new SluiceError("limit_nesting");
  if (!str(resource.resourceType)) return [];
  const inner = (items: Json | undefined, field: string, pick: (item: JsonObject) => Json | undefined) =>
    list(items).flatMap((item, index) => {
      const value = isObject(item) ? pick(item) : undefined;
      return isObject(value) ? unfold(value, join(path, `${field}[${index}]`), depth + 1, limits) : [];
    });
  if (resource.resourceType === "Bundle") return inner(resource.entry, "entry", (entry) => entry.resource);
  if (resource.resourceType === "Parameters") return inner(resource.parameter, "parameter", (each) => each.resource);
  return [{ resource, path }, ...inner(resource.contained, "contained", (each) => each)];
}

function join(path: string, step: string): string {
  return path ? `${path}.${step}` : step;
}

async function section(resource: JsonObject, out: Output, limits: Limits): Promise<void> {
  const type = String(resource.resourceType);
  if (type === "Binary") return;
  const title = str(resource.title) ?? conceptText(resource.code) ?? conceptText(resource.type);
  // A composition's sections come after it, each by itself.
  const own = type === "Composition" ? { ...resource, section: [] } : resource;
  const blocks = narrative(resource);
  const missing = unsaid(blocksText(blocks), readableLines(own, limits.maxDepth));
  const code = conceptCode(resource.code) ?? conceptCode(resource.type);
  if (blocks.length > 0 || missing) {
    await out.begin({ title: title ? `${type}: ${title}` : type, code });
    await out.text(title ?? type);
    await writeBlocks(out, below(blocks));
    await out.text(missing);
  }
  if (type === "Composition") await compositionSections(resource, 2, out, limits);
}

async function compositionSections(parent: JsonObject, level: number, out: Output, limits: Limits): Promise<void> {
  if (level > limits.maxDepth) throw new SluiceError("limit_nesting");
  for (const part of objects(parent.section)) {
    const title = str(part.title) ?? conceptText(part.code);
    const blocks = narrative(part);
    if (blocks.length > 0) {
      await out.begin({ level, title, code: conceptCode(part.code) });
      if (title) await out.text(title);
      await writeBlocks(out, below(blocks));
    }
    await compositionSections(part, level + 1, out, limits);
  }
}

/** Of the coded content what the narrative does not say. */
function unsaid(text: string, lines: string[]): string {
  const plain = (words: string) => words.toLowerCase().replace(/\s+/g, " ");
  const known = plain(text);
  return lines.filter((line) => !known.includes(plain(line.slice(line.indexOf(": ") + 2)))).join("\n");
}

function narrative(resource: JsonObject): Block[] {
  const blocks = isObject(resource.text) ? htmlBlocks(str(resource.text.div) ?? "") : [];
  return blocksText(blocks).trim() ? blocks : [];
}

/** Attachments wherever they are: any object that has base64 `data`; resources within have paths of their own. */
async function attachments(value: Json, path: string, out: Output, limits: Limits, depth: number): Promise<void> {
  if (depth > limits.maxDepth) throw new SluiceError("limit_nesting");
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) await attachments(item, `${path}[${index}]`, out, limits, depth + 1);
  } else if (isObject(value)) {
    if (str(value.contentType) && "data" in value) await attach(value, path, out, limits);
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === "object" && key !== "contained")
        await attachments(item, join(path, key), out, limits, depth + 1);
    }
  }
}

async function attach(attachment: JsonObject, path: string, out: Output, limits: Limits): Promise<void> {
  const bytes = fromBase64(str(attachment.data) ?? "");
  if (!bytes) return out.warn("attachment_unreadable");
  await out.child({
    path: join(path, "data"),
    fileName: str(attachment.title) ?? null,
    declaredType: str(attachment.contentType) ?? null,
    bytes: unpacked(bytes, limits),
  });
}

/** Attachments by link: the one they point to may be in the same bundle as a Binary; elsewhere it is out of reach. */
function findsUnavailable(resources: JsonObject[]): boolean {
  const binaries = new Set(resources.filter((each) => each.resourceType === "Binary").map((each) => each.id));
  const isMissing = (value: Json): boolean => {
    if (Array.isArray(value)) return value.some(isMissing);
    if (!isObject(value)) return false;
    if (isObject(value.attachment) && !("data" in value.attachment) && str(value.attachment.url)) {
      return !binaries.has(str(value.attachment.url)?.split("/").at(-1) ?? null);
    }
    return Object.values(value).some((item) => typeof item === "object" && isMissing(item));
  };
  return resources.some(isMissing);
}
