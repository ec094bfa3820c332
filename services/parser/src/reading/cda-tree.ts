import { SluiceError } from "@sluice/contracts";
import { type Narrative, NarrativeReader } from "./cda-narrative.js";
import type { XmlHandler } from "./xml.js";

/** An element of a clinical document, without its prefix. A section's narrative is laid out already. */
export interface CdaNode {
  name: string;
  attributes: Record<string, string>;
  children: CdaNode[];
  text: string;
  narrative: Narrative | null;
  parent: CdaNode | null;
  /** Its place among its siblings of the same name, from 1. */
  index: number;
}

/** Builds the tree of a clinical document, of which the sections are handed out as they are complete. */
export class CdaTreeBuilder implements XmlHandler {
  root: CdaNode | undefined;
  /** Sections of the first level that are complete; they are no longer part of the tree. */
  readonly sections: CdaNode[] = [];
  /** A prefix was used that nothing declares. */
  hasUndeclared = false;
  readonly #stack: { node: CdaNode; counts: Map<string, number> }[] = [];
  #narrative: { reader: NarrativeReader; depth: number } | undefined;
  /** The prefixes that are declared, an entry an open element. */
  readonly #prefixes: ReadonlySet<string>[] = [];

  raw(name: string, attributes: Record<string, string>): void {
    const around = this.#prefixes.at(-1) ?? new Set(["xml", "xmlns"]);
    const own = Object.keys(attributes).flatMap((key) => (key.startsWith("xmlns:") ? key.slice(6) : []));
    const known = own.length > 0 ? new Set([...around, ...own]) : around;
    this.#prefixes.push(known);
    for (const each of [name, ...Object.keys(attributes)]) {
      const end = each.indexOf(":");
      if (end > 0 && !known.has(each.slice(0, end))) this.hasUndeclared = true;
    }
  }

  open(name: string, attributes: Record<string, string>): void {
    if (this.#narrative) {
      this.#narrative.depth += 1;
      this.#narrative.reader.open(name.toLowerCase(), lowerKeys(attributes));
      return;
    }
    const top = this.#stack.at(-1);
    if (top && isMarkup(name, top.node)) {
      // An unstructured body that is markup written in place.
      const reader = new NarrativeReader();
      reader.text(top.node.text);
      top.node.text = "";
      reader.open(name.toLowerCase(), lowerKeys(attributes));
      this.#narrative = { reader, depth: 1 };
      return;
    }
    const index = (top?.counts.get(name) ?? 0) + 1;
    top?.counts.set(name, index);
    const parent = top?.node ?? null;
    const node: CdaNode = { name, attributes, children: [], text: "", narrative: null, parent, index };
    // Of two documents in one file, the second's statements would be taken for the first one's patient.
    if (!parent && this.root) throw new SluiceError("document_corrupt");
    if (parent) parent.children.push(node);
    else this.root = node;
    this.#stack.push({ node, counts: new Map() });
    if (parent?.name === "section" && name === "text") this.#narrative = { reader: new NarrativeReader(), depth: 0 };
  }

  text(text: string): void {
    const node = this.#stack.at(-1)?.node;
    if (this.#narrative) this.#narrative.reader.text(text);
    else if (node && (node.text || text.trim())) node.text += text;
  }

  close(name: string): void {
    this.#prefixes.pop();
    if (this.#narrative && this.#narrative.depth > 0) {
      this.#narrative.depth -= 1;
      this.#narrative.reader.close(name.toLowerCase());
      return;
    }
    const node = this.#stack.pop()?.node;
    if (!node) return;
    if (this.#narrative) node.narrative = this.#narrative.reader.end();
    this.#narrative = undefined;
    // Sections within sections come with them.
    if (node.name !== "section" || this.#stack.some((each) => each.node.name === "section")) return;
    this.sections.push(node);
    if (node.parent) node.parent.children = node.parent.children.filter((child) => child !== node);
  }
}

function isMarkup(name: string, { name: around, parent }: CdaNode): boolean {
  return around === "text" && parent?.name === "nonXMLBody" && !/^(reference|thumbnail|integrityCheck)$/.test(name);
}

function lowerKeys(attributes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key.toLowerCase(), value]));
}

/** The first element at a path below a node. */
export function find(node: CdaNode | undefined, ...path: string[]): CdaNode | undefined {
  return findAll(node, ...path)[0];
}

export function findAll(node: CdaNode | undefined, ...path: string[]): CdaNode[] {
  let nodes = node ? [node] : [];
  for (const name of path) nodes = nodes.flatMap((each) => each.children.filter((child) => child.name === name));
  return nodes;
}

/** A node's place as an XPath, its names without namespaces. */
export function xpath(node: CdaNode): string {
  const steps: string[] = [];
  for (let at: CdaNode | null = node; at; at = at.parent)
    steps.unshift(at.parent ? `${at.name}[${at.index}]` : at.name);
  return `/${steps.join("/")}`;
}

/** An element's own words. */
export function plain(node: CdaNode | undefined): string {
  return node ? node.text.replace(/\s+/g, " ").trim() : "";
}

/** The words of an element and of all within it, in their order; base64 is none. */
export function words(node: CdaNode): string {
  if (node.attributes.representation === "B64") return "";
  return [plain(node), ...node.children.map(words)].filter(Boolean).join(" ");
}
