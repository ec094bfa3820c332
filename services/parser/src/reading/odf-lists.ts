import { counted } from "./counts.js";
import type { XmlHandler } from "./xml.js";

interface Level {
  format: string;
  prefix: string;
  suffix: string;
  start: number;
  /** How many levels' numbers are shown. */
  shown: number;
}

/** How the lists of an OpenDocument file are numbered: by their styles, of which parts of the file have some each. */
export class OdfLists implements XmlHandler {
  readonly #styles = new Map<string, (Level | undefined)[]>();
  #style: (Level | undefined)[] | null = null;
  /** Lists that are open, the innermost last. */
  readonly #open: { style: string; count: number | null }[] = [];
  /** By style: how far its last list came. */
  readonly #last = new Map<string, number>();

  open(name: string, attributes: Record<string, string>): void {
    if (name === "list-style") {
      this.#style = [];
      this.#styles.set(attributes.name ?? "", this.#style);
    } else if (name === "list-level-style-number" && this.#style) {
      const at = Number(attributes.level) - 1;
      if (!(at >= 0 && at < 10)) return;
      this.#style[at] = {
        format: attributes["num-format"] ?? "",
        prefix: attributes["num-prefix"] ?? "",
        suffix: attributes["num-suffix"] ?? "",
        start: Number(attributes["start-value"] ?? 1) || 0,
        shown: Number(attributes["display-levels"] ?? 1) || 1,
      };
    }
  }

  text(): void {}

  close(name: string): void {
    if (name === "list-style") this.#style = null;
  }

  begin(attributes: Record<string, string>): void {
    const outer = this.#open.at(-1);
    const style = attributes["style-name"] ?? outer?.style ?? "";
    const goesOn = !outer && (attributes["continue-numbering"] === "true" || attributes["continue-list"] !== undefined);
    this.#open.push({ style, count: goesOn ? (this.#last.get(style) ?? null) : null });
  }

  end(): void {
    const list = this.#open.pop();
    if (list && this.#open.length === 0 && list.count !== null) this.#last.set(list.style, list.count);
  }

  /** What stands before the next item, with its blank. */
  mark(): string {
    const list = this.#open.at(-1);
    const indent = "  ".repeat(Math.max(0, this.#open.length - 1));
    const levels = this.#styles.get(list?.style ?? "") ?? [];
    const level = levels[this.#open.length - 1];
    if (!list || !level?.format) return `${indent}- `;
    list.count = (list.count ?? level.start - 1) + 1;
    const shown = this.#open.slice(-Math.max(1, level.shown));
    const first = this.#open.length - shown.length;
    const numbers = shown.map(({ count }, index) => counted(count ?? 1, levels[first + index]?.format ?? "1"));
    return `${indent}${level.prefix}${numbers.filter(Boolean).join(".")}${level.suffix}`.trimEnd().concat(" ");
  }
}
