import type { XmlHandler } from "./xml.js";

/** What a style says of text that matters here; undefined where it leaves that to others. */
export interface TextLook {
  isStruck?: boolean | undefined;
  isRaised?: boolean | undefined;
}

/** Styles inherit from styles; none that was meant well does so more often. */
const maxInheritance = 16;

/** Which styles of an OpenDocument file strike text through or raise it. */
export class OdfStyles implements XmlHandler {
  readonly #styles = new Map<string, TextLook & { parent: string }>();
  #style: string | null = null;

  open(name: string, attributes: Record<string, string>): void {
    if (name === "style") {
      const { family = "", name: own = "", "parent-style-name": parent } = attributes;
      this.#style = `${family}:${own}`;
      this.#styles.set(this.#style, { parent: parent ? `${family}:${parent}` : "" });
    } else if (name === "text-properties" && this.#style !== null) {
      const { "text-line-through-style": line, "text-line-through-type": type, "text-position": position } = attributes;
      const style = this.#styles.get(this.#style);
      if (!style) return;
      if (line !== undefined || type !== undefined) style.isStruck = line !== "none" && type !== "none";
      if (position !== undefined) style.isRaised = /^\s*(super|[1-9])/.test(position);
    }
  }

  text(): void {}

  close(name: string): void {
    if (name === "style") this.#style = null;
  }

  /** `family`: `text`, `paragraph`, `table-cell`. */
  look(family: string, name: string | undefined): TextLook {
    const look: TextLook = {};
    let style = this.#styles.get(`${family}:${name ?? ""}`);
    for (let step = 0; style && step < maxInheritance; step += 1) {
      look.isStruck ??= style.isStruck;
      look.isRaised ??= style.isRaised;
      style = this.#styles.get(style.parent);
    }
    return look;
  }
}

/** The looks of the elements that are open, the innermost last. */
export class OdfLooks {
  readonly #styles: OdfStyles;
  readonly #open: TextLook[] = [];

  constructor(styles: OdfStyles) {
    this.#styles = styles;
  }

  begin(name: string, attributes: Record<string, string>): void {
    const family = name === "span" ? "text" : name === "table-cell" ? "table-cell" : "paragraph";
    this.#open.push({ ...this.look, ...defined(this.#styles.look(family, attributes["style-name"])) });
  }

  end(): void {
    this.#open.pop();
  }

  get look(): TextLook {
    return this.#open.at(-1) ?? {};
  }
}

function defined({ isStruck, isRaised }: TextLook): TextLook {
  return { ...(isStruck !== undefined && { isStruck }), ...(isRaised !== undefined && { isRaised }) };
}
