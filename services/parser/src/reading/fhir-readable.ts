import { SluiceError } from "@sluice/contracts";
import { asWords } from "./words.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function list(value: Json | undefined): Json[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

export function objects(value: Json | undefined): JsonObject[] {
  return list(value).filter(isObject);
}

export function str(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.trim() ? value : undefined;
}

/** Machinery, not content: ids, links, profiles, and nested resources, which are sections of their own. */
const skipped = new Set(
  "resourceType id meta implicitRules contained extension modifierExtension system url reference fullUrl identifier contentType data hash size use linkId versionId userSelected".split(
    " ",
  ),
);

/** A resource's content in readable lines, `Label: value`, whatever the resource is. */
export function readableLines(resource: JsonObject, maxDepth: number): string[] {
  const lines: string[] = [];
  walk(resource, [], lines, maxDepth);
  return lines;
}

function walk(object: JsonObject, path: string[], lines: string[], maxDepth: number): void {
  if (path.length > maxDepth) throw new SluiceError("limit_nesting");
  for (const [key, value] of Object.entries(object)) {
    if (key === "modifierExtension") for (const each of objects(value)) modifier(each, path, lines, maxDepth);
    if (skipped.has(key) || key.startsWith("_") || isNarrative(key, value)) continue;
    const labels = [...path, label(key)];
    const phrases: string[] = [];
    for (const item of list(value)) {
      const phrase = key === "focus" ? (whom(item) ?? readable(item)) : readable(item);
      if (phrase !== undefined) phrases.push(phrase);
      else if (isObject(item)) walk(item, labels, lines, maxDepth);
    }
    const text = phrases.filter(Boolean).join("; ");
    if (text) lines.push(`${labels.join(" – ")}: ${text}`);
  }
}

/** Of whom or what a resource speaks, if not of its patient, must be said even where there is but a reference. */
function whom(item: Json): string | undefined {
  return isObject(item) ? (str(item.display) ?? str(item.reference)) : undefined;
}

/** An extension that changes what a resource means: its name, with what it says. */
function modifier(extension: JsonObject, path: string[], lines: string[], maxDepth: number): void {
  const { url, ...content } = extension;
  const name = str(url)?.split(/[/#]/).filter(Boolean).at(-1) ?? "";
  const inner: string[] = [];
  walk(content, [...path, "Modifier", asWords(name)].filter(Boolean), inner, maxDepth);
  const own = [...path, "Modifier"].join(" – ");
  lines.push(...(inner.length > 0 ? inner : [`${own}: ${asWords(name)}`]));
}

/** Read apart, as HTML; a question's `text` is content. */
function isNarrative(key: string, value: Json): boolean {
  return key === "text" && isObject(value) && "div" in value;
}

/** `valueQuantity` → `Value`, `effectiveDateTime` → `Effective`, `bodySite` → `Body site`. */
function label(key: string): string {
  const bare = key.replace(
    /^(value|effective|onset|abatement|performed|occurrence|medication|deceased|multipleBirth)[A-Z]\w*$/,
    "$1",
  );
  return asWords(bare);
}

/** A value of one of FHIR's data types as a phrase; `undefined` for a structure that needs lines of its own. */
export function readable(value: Json): string | undefined {
  if (value === null) return "";
  if (typeof value !== "object") return String(value).trim();
  if (Array.isArray(value)) return undefined;
  if (Array.isArray(value.coding)) return concept(value);
  if (isQuantity(value)) return quantity(value);
  if ("low" in value || "high" in value) return range(value);
  if ("numerator" in value) return `${readable(value.numerator ?? null)} / ${readable(value.denominator ?? null)}`;
  if ("start" in value || "end" in value) return `${str(value.start) ?? "…"} – ${str(value.end) ?? "…"}`;
  if (typeof value.reference === "string" || ("display" in value && !("code" in value)))
    return str(value.display) ?? "";
  if ("family" in value || "given" in value) return humanName(value);
  if ("code" in value && "system" in value) return coding(value);
  if ("line" in value || "city" in value) return address(value);
  if ("contentType" in value || "data" in value) return str(value.title) ?? "";
  if (isNote(value)) return str(value.text);
  return isContact(value) ? str(value.value) : undefined;
}

function isNote(value: JsonObject): boolean {
  return (
    typeof value.text === "string" && Object.keys(value).every((key) => /^(text|time|author|id|extension)/.test(key))
  );
}

/** A number may be the string that it was written as. */
function isQuantity(value: JsonObject): boolean {
  if (typeof value.value === "number") return true;
  return (
    typeof value.value === "string" &&
    /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value.value) &&
    Object.keys(value).every((key) => /^_?(value|comparator|unit|system|code|id|extension)$/.test(key)) &&
    !/^(phone|fax|pager|sms)$/.test(String(value.system))
  );
}

function isContact(value: JsonObject): boolean {
  return typeof value.value === "string" && "system" in value;
}

/** Both what the author wrote and what the code says, when they differ. */
function concept(value: JsonObject): string {
  const text = str(value.text);
  const displays = objects(value.coding)
    .map(coding)
    .filter((display) => display && display !== text);
  return [...new Set([text, ...displays])].filter(Boolean).join(" / ");
}

function coding(value: JsonObject): string {
  return str(value.display) ?? str(value.code) ?? "";
}

function quantity(value: JsonObject): string {
  return [str(value.comparator), value.value, str(value.unit) ?? str(value.code)]
    .filter((part) => (part ?? "") !== "")
    .join(" ");
}

function range(value: JsonObject): string {
  const [low, high] = [value.low, value.high].map((limit) =>
    isObject(limit ?? null) ? quantity(limit as JsonObject) : "",
  );
  const interval = low && high ? `${low} – ${high}` : low ? `≥ ${low}` : high ? `≤ ${high}` : "";
  return [interval, str(value.text)].filter(Boolean).join(", ");
}

/** `Dr Anna Maria Kern`, or as the source writes it out. */
export function humanName(value: JsonObject): string {
  const parts = [...list(value.prefix), ...list(value.given), ...list(value.family), ...list(value.suffix)];
  return str(value.text) ?? parts.filter((part) => typeof part === "string").join(" ");
}

function address(value: JsonObject): string {
  const parts = [...list(value.line), value.postalCode, value.city, value.state, value.country];
  return str(value.text) ?? parts.filter((part) => typeof part === "string").join(", ");
}
