import { type Block, blocksText } from "../writing/blocks.js";
import { MarkupFlow } from "./markup-flow.js";
import type { XmlHandler } from "./xml.js";

/** An element of a clinical document. Narratives are already text; coded entries are not kept. */
export interface CdaNode {
  name: string;
  attributes: Record<string, string>;
  children: CdaNode[];
  text: string;
  /** A narrative's text and tables. */
  blocks: Block[];
  /** Readable parts of the coded entries of a section that has no narrative, an entry a line. */
  coded: string[];
}

function newNode(name: string, attributes: Record<string, string>): CdaNode {
  return { name, attributes, children: [], text: "", blocks: [], coded: [] };
}

/** Builds the tree of a clinical document: all of the header, of the body only what people read. */
export class CdaTreeBuilder implements XmlHandler {
  root: CdaNode | undefined;
  readonly #stack: CdaNode[] = [];
  #narrative: { markup: MarkupFlow; depth: number } | undefined;
  #entry: { words: string[]; depth: number } | undefined;

  open(name: string, attributes: Record<string, string>): void {
    if (this.#narrative) {
      this.#narrative.depth += 1;
      this.#narrative.markup.open(name.toLowerCase(), lowerKeys(attributes));
      return;
    }
    if (this.#entry) {
      this.#entry.depth += 1;
      this.#collect(attributes);
      return;
    }
    const parent = this.#stack.at(-1);
    if (parent?.name === "section" && name === "entry") {
      this.#entry = { words: [], depth: 1 };
      return;
    }
    const node = newNode(name, attributes);
    if (parent) parent.children.push(node);
    else this.root ??= node;
    this.#stack.push(node);
    if (parent?.name === "section" && name === "text") this.#narrative = { markup: new MarkupFlow(), depth: 0 };
  }

  text(text: string): void {
    if (this.#narrative) this.#narrative.markup.text(text);
    else if (this.#entry) this.#entry.words.push(text.trim());
    else {
      const node = this.#stack.at(-1);
      if (node) node.text += text;
    }
  }

  close(name: string): void {
    if (this.#narrative && this.#narrative.depth > 0) {
      this.#narrative.depth -= 1;
      this.#narrative.markup.close(name.toLowerCase());
      return;
    }
    if (this.#entry) {
      this.#entry.depth -= 1;
      if (this.#entry.depth === 0) this.#endEntry(this.#entry.words);
      return;
    }
    const node = this.#stack.pop();
    if (node && this.#narrative) {
      node.blocks = this.#narrative.markup.flow.take();
      node.text = blocksText(node.blocks).trim();
    }
    this.#narrative = undefined;
  }

  /** Displays, values with their units: what a reader would make of an entry. */
  #collect({ displayName, value, unit }: Record<string, string>): void {
    if (displayName) this.#entry?.words.push(displayName);
    else if (value && unit) this.#entry?.words.push(`${value} ${unit}`);
  }

  #endEntry(words: string[]): void {
    this.#entry = undefined;
    const section = this.#stack.at(-1);
    const line = [...new Set(words.filter(Boolean))].join(", ");
    if (section && line && !section.children.some((child) => child.name === "text" && child.text)) {
      section.coded.push(line);
    }
  }
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
