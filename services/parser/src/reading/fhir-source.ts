import { SluiceError } from "@sluice/contracts";
import { TokenParser } from "@streamparser/json";
import { fileEncoding, readText, readWhole } from "./encoding.js";
import { ExactTokenizer, parseExact } from "./exact-json.js";
import { isObject, type Json, type JsonObject, list, str } from "./fhir-readable.js";
import { FhirXmlBuilder } from "./fhir-xml.js";
import { XmlReader, xmlText } from "./xml.js";

/** Larger files are read piece by piece: their values would take several times their size. */
const maxWhole = 16 * 1024 * 1024;

/** So many deletions are remembered. */
const maxDeleted = 100_000;

/** How a file holds its resources: one, a bundle of them, or one after another. */
export type Shape = "resource" | "bundle" | "list";

/** A resource with its place in the file. */
export interface Found {
  resource: JsonObject;
  path: string;
  /** The place of the resource that contains it. */
  container: string | null;
  fullUrl: string | null;
}

/** What a file says of itself beside its resources. */
export interface Frame {
  shape: Shape;
  /** Of a bundle, its own fields without the entries. */
  bundle: JsonObject | null;
  /** Lines that were no JSON. */
  unreadable: number;
  /** Addresses that entries delete: `Condition/2`. */
  deleted: Set<string>;
}

function emptyFrame(): Frame {
  return { shape: "list", bundle: null, unreadable: 0, deleted: new Set() };
}

/** A small file. */
interface Whole {
  values: Json[];
  shape: Shape;
}

/** A file of resources, to be gone through as often as needed; it is held whole only where it is small. */
export class FhirSource {
  readonly #path: string;
  readonly #encoding: string;
  readonly #maxDepth: number;
  readonly #whole: Whole | null;
  readonly #isXml: boolean;
  frame: Frame = emptyFrame();

  private constructor(path: string, encoding: string, maxDepth: number, whole: Whole | null, isXml = false) {
    this.#path = path;
    this.#encoding = encoding;
    this.#maxDepth = maxDepth;
    this.#whole = whole;
    this.#isXml = isXml;
  }

  static async open(path: string, size: number, maxDepth: number): Promise<FhirSource> {
    const encoding = await fileEncoding(path);
    if (size > maxWhole) return new FhirSource(path, encoding, maxDepth, null);
    const value = parse((await readWhole(path, encoding)).trim());
    const shape = Array.isArray(value) ? "list" : "resource";
    return new FhirSource(path, encoding, maxDepth, value === undefined ? null : { values: list(value), shape });
  }

  /** A file in XML, which is always read piece by piece. */
  static xml(path: string, maxDepth: number): FhirSource {
    return new FhirSource(path, "", maxDepth, null, true);
  }

  /** The resources in the order of the file; afterwards `frame` is known. */
  async *resources(): AsyncGenerator<Found> {
    this.frame = emptyFrame();
    if (this.#whole) {
      this.frame.shape = this.#whole.shape;
      for (const [index, value] of this.#whole.values.entries()) {
        yield* this.#root(value, this.frame.shape === "list" ? `[${index}]` : "");
      }
    } else if (this.#isXml) yield* this.#elements();
    else if (await this.#isLines()) yield* this.#lines();
    else yield* this.#pieces();
  }

  *#root(value: Json, path: string): Generator<Found> {
    if (!isObject(value)) return;
    if (this.frame.shape === "resource" && value.resourceType === "Bundle") {
      const { entry: _, ...bundle } = value;
      this.frame.shape = "bundle";
      this.frame.bundle = bundle;
    }
    yield* this.#unfold(value, path, 0);
  }

  /** The resources in a resource: entries of bundles, contained ones, parameters; each with its path. */
  *#unfold(resource: JsonObject, path: string, depth: number, fullUrl: string | null = null): Generator<Found> {
    if (depth > this.#maxDepth) throw new SluiceError("limit_nesting");
    if (!str(resource.resourceType)) return;
    if (resource.resourceType === "Bundle") {
      for (const [index, entry] of list(resource.entry).entries()) {
        yield* this.#entry(entry, join(path, `entry[${index}]`), depth);
      }
    } else if (resource.resourceType === "Parameters") {
      const own = list(resource.parameter).flatMap(withoutResource);
      if (own.length > 0) yield { resource: { ...resource, parameter: own }, path, container: null, fullUrl };
      yield* this.#parameters(resource.parameter, join(path, "parameter"), depth);
    } else {
      yield { resource, path, container: null, fullUrl };
      yield* this.#contained(resource, path, path, depth);
    }
  }

  /** The resources among parameters and their parts. */
  *#parameters(given: Json | undefined, path: string, depth: number): Generator<Found> {
    if (depth > this.#maxDepth) throw new SluiceError("limit_nesting");
    for (const [index, each] of list(given).entries()) {
      if (!isObject(each)) continue;
      const at = `${path}[${index}]`;
      if (isObject(each.resource)) yield* this.#unfold(each.resource, `${at}.resource`, depth + 1);
      yield* this.#parameters(each.part, `${at}.part`, depth + 1);
    }
  }

  *#contained(resource: JsonObject, path: string, container: string, depth: number): Generator<Found> {
    if (depth > this.#maxDepth) throw new SluiceError("limit_nesting");
    for (const [index, each] of list(resource.contained).entries()) {
      if (!isObject(each) || !str(each.resourceType)) continue;
      const at = join(path, `contained[${index}]`);
      yield { resource: each, path: at, container, fullUrl: null };
      yield* this.#contained(each, at, container, depth + 1);
    }
  }

  *#entry(entry: Json, path: string, depth: number): Generator<Found> {
    if (!isObject(entry)) return;
    if (!isObject(entry.resource)) return this.#deletes(entry);
    yield* this.#unfold(entry.resource, join(path, "resource"), depth + 1, str(entry.fullUrl) ?? null);
  }

  #deletes({ request, fullUrl }: JsonObject): void {
    if (!isObject(request ?? null) || (request as JsonObject).method !== "DELETE") return;
    const target = addressOf(str((request as JsonObject).url) ?? str(fullUrl) ?? "");
    if (target && this.frame.deleted.size < maxDeleted) this.frame.deleted.add(target);
  }

  /** A resource a line, as bulk exports have it: the first line is a value by itself. */
  async #isLines(): Promise<boolean> {
    let line = "";
    for await (const piece of readText(this.#path, this.#encoding)) {
      line = (line + piece).trimStart();
      const end = line.indexOf("\n");
      if (end !== -1) return isObject(parse(line.slice(0, end).trim()));
      if (line.length > maxWhole) return false;
    }
    return false;
  }

  async *#lines(): AsyncGenerator<Found> {
    let index = 0;
    let held: string[] = [];
    const read = function* (source: FhirSource, text: string): Generator<Found> {
      const line = text.trim();
      if (!line) return;
      const value = parse(line);
      if (value === undefined) source.frame.unreadable += 1;
      else if (isObject(value)) yield* source.#unfold(value, `line[${index}]`, 0);
      index += 1;
    };
    for await (const piece of readText(this.#path, this.#encoding)) {
      if (!piece.includes("\n")) {
        held.push(piece);
        continue;
      }
      const found = (held.join("") + piece).split("\n");
      held = [found.pop() ?? ""];
      for (const line of found) yield* read(this, line);
    }
    yield* read(this, held.join(""));
  }

  /** A bundle entry by entry, a list element by element; anything else is put together from its fields. */
  async *#pieces(): AsyncGenerator<Found> {
    const tokens = new ExactTokenizer({ stringBufferSize: 65_536 });
    const parser = new TokenParser({ paths: ["$.*", "$.entry.*"], keepStack: false });
    const entries: [key: number, value: Json][] = [];
    const elements: [key: number, value: Json][] = [];
    const fields: JsonObject = {};
    let [ended, isList] = [false, false];
    parser.onValue = ({ value, key, parent, stack }) => {
      if (stack.length > 1) entries.push([Number(key), value as Json]);
      else if (Array.isArray(parent)) elements.push([Number(key), value as Json]);
      else if (key !== "entry") fields[String(key)] = value as Json;
      if (Array.isArray(parent) && stack.length === 1) isList = true;
    };
    tokens.onToken = (token) => parser.write(token);
    parser.onEnd = () => {
      ended = true;
      if (!tokens.isEnded) tokens.end();
    };
    tokens.onError = parser.onError = () => {
      throw new SluiceError("document_corrupt");
    };
    for await (const piece of readText(this.#path, this.#encoding)) {
      if (!ended) tokens.write(piece);
      else if (piece.trim()) throw new SluiceError("document_corrupt");
      for (const [key, value] of entries.splice(0)) yield* this.#entry(value, `entry[${key}]`, 0);
      for (const [key, value] of elements.splice(0)) yield* this.#root(value, `[${key}]`);
    }
    if (!ended) throw new SluiceError("document_corrupt");
    if (isList) return;
    this.frame.shape = "resource";
    yield* this.#root(fields, "");
  }

  /** A bundle in XML entry by entry; what else there is once it is at its end. */
  async *#elements(): AsyncGenerator<Found> {
    const builder = new FhirXmlBuilder();
    const reader = new XmlReader(builder, this.#maxDepth);
    let count = 0;
    for await (const piece of xmlText(this.#path)) {
      reader.write(piece);
      for (const entry of builder.take()) yield* this.#entry(entry, `entry[${count++}]`, 0);
    }
    reader.end();
    for (const entry of builder.take()) yield* this.#entry(entry, `entry[${count++}]`, 0);
    this.frame.shape = "resource";
    if (builder.root) yield* this.#root(builder.root, "");
  }
}

/** `Condition/2` of any server's address. */
function addressOf(url: string): string | undefined {
  return /(?:^|\/)([A-Z]\w{1,60}\/[\w.-]{1,64})(?:\/_history\/.*)?$/.exec(url)?.[1];
}

/** What a parameter and its parts say themselves. */
function withoutResource(parameter: Json): JsonObject[] {
  if (!isObject(parameter)) return [];
  const { resource: _, part, ...own } = parameter;
  const parts = list(part).flatMap(withoutResource);
  if (parts.length > 0) own.part = parts;
  return parts.length > 0 || Object.keys(own).some((key) => key.startsWith("value")) ? [own] : [];
}

/** Undefined where it is no JSON. */
function parse(text: string): Json | undefined {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

export function join(path: string, step: string): string {
  return path ? `${path}.${step}` : step;
}
