import type { Json, JsonObject } from "./fhir-readable.js";
import type { XmlHandler } from "./xml.js";

export const fhirNamespace = "http://hl7.org/fhir";

/** Elements that are lists even where there is one, for their readers and for the places that children are named by. */
const lists = new Set(
  "entry contained coding section relatesTo content presentedForm component reaction parameter".split(" "),
);
const voidTags = new Set("area br col hr img input wbr".split(" "));

interface Open {
  name: string;
  attributes: Record<string, string>;
  fields: Map<string, Json>;
  /** Resources stand in an element that names where they belong. */
  resources: JsonObject[];
}

/** Makes of FHIR's XML what its JSON would be; a bundle's entries are handed out as they are complete. */
export class FhirXmlBuilder implements XmlHandler {
  root: JsonObject | undefined;
  #entries: JsonObject[] = [];
  readonly #stack: Open[] = [];
  /** A narrative that is open, as it was written. */
  #narrative: { parts: string[]; depth: number } | undefined;

  open(name: string, attributes: Record<string, string>): void {
    const isNarrative = name === "div" && this.#stack.at(-1)?.name === "text";
    if (isNarrative && !this.#narrative) this.#narrative = { parts: [], depth: 0 };
    if (!this.#narrative) {
      this.#stack.push({ name, attributes, fields: new Map(), resources: [] });
      return;
    }
    this.#narrative.depth += 1;
    const said = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
    this.#narrative.parts.push(`<${name}${said.join("")}>`);
  }

  text(text: string): void {
    this.#narrative?.parts.push(escaped(text));
  }

  close(name: string): void {
    if (this.#narrative) {
      this.#narrative.depth -= 1;
      if (!voidTags.has(name)) this.#narrative.parts.push(`</${name}>`);
      if (this.#narrative.depth > 0) return;
      this.#stack.at(-1)?.fields.set("div", this.#narrative.parts.join(""));
      this.#narrative = undefined;
      return;
    }
    const node = this.#stack.pop();
    const around = this.#stack.at(-1);
    if (!node) return;
    if (!around) {
      this.root = { resourceType: node.name, ...Object.fromEntries(node.fields) };
    } else if (/^[A-Z]/.test(node.name)) {
      around.resources.push({ resourceType: node.name, ...Object.fromEntries(node.fields) });
    } else if (this.#stack.length === 1 && around.name === "Bundle" && node.name === "entry") {
      this.#entries.push(Object.fromEntries(node.fields));
    } else {
      for (const value of values(node)) add(around.fields, node.name, value);
    }
  }

  /** The entries that have been completed. */
  take(): JsonObject[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}

/** What an element holds: resources, a primitive value with what extends it, or fields. */
function values({ name, attributes, fields, resources }: Open): Json[] {
  if (resources.length > 0) return resources;
  const { value, ...rest } = attributes;
  // Numbers stay as they are written.
  if (value !== undefined) return [name !== "valueString" && /^(true|false)$/.test(value) ? value === "true" : value];
  return [{ ...rest, ...Object.fromEntries(fields) }];
}

function add(fields: Map<string, Json>, name: string, value: Json): void {
  const known = fields.get(name);
  if (known === undefined) fields.set(name, lists.has(name) && typeof value === "object" ? [value] : value);
  else if (Array.isArray(known)) known.push(value);
  else fields.set(name, [known, value]);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
