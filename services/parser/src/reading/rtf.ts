import { SluiceError } from "@sluice/contracts";
import type { SectionHead } from "../formats/format.js";
import { blocksText, type FlowSection } from "../writing/blocks.js";
import { decode } from "./encoding.js";
import { FlowText } from "./flow-text.js";
import { charsetEncoding, type Destination, destinationOf, pageEncoding } from "./rtf-destinations.js";
import { type RtfHandler, rtfTokens } from "./rtf-tokens.js";
import { headingLevel } from "./word-styles.js";

export interface RtfText {
  title: string | null;
  /** Page headers, the body by headings, notes, page footers. */
  sections: FlowSection[];
  /** The page that Outlook hid in it, which then is all there is. */
  html: string | null;
  pictures: number;
  objects: number;
  /** It ends before its groups do. */
  isCut: boolean;
}

/** Reads RTF. Fails with `limit_nesting`, and `document_corrupt` where it is none. */
export function readRtf(file: Buffer, maxDepth: number): RtfText {
  const reader = new RtfReader(maxDepth);
  const isCut = rtfTokens(file, reader) > 0;
  return { ...reader.end(), isCut };
}

/** What a group inherits from the one around it. */
interface Group {
  destination: Destination;
  /** Characters that stand after `\\u` for readers that don't know it. */
  fallback: number;
  encoding: string | null;
  isHidden: boolean;
  isRaised: boolean;
  isStruck: boolean;
  /** `\\htmlrtf`: for readers of RTF only. */
  isRtfOnly: boolean;
  /** It is about to be told what it is for. */
  isFresh: boolean;
  isIgnorable: boolean;
}

/** Kinds of form fields; and the value of one that nobody has touched. */
const [checkBox, dropDown, unset] = [1, 2, 25];

/** Stretches of bytes that wait to be decoded together; a file of nothing else must not pile up. */
const maxPending = 65_536;

const signs: Readonly<Record<string, string>> = {
  "~": "\u00a0",
  _: "-",
  emdash: "—",
  endash: "–",
  lquote: "‘",
  rquote: "’",
  ldblquote: "“",
  rdblquote: "”",
  bullet: "•",
  emspace: " ",
  enspace: " ",
  qmspace: " ",
};

/** Text that stands apart from the body: its own flow, and where it goes. */
interface Aside {
  kind: "note" | "header" | "footer";
  flow: FlowText;
  depth: number;
}

class RtfReader implements RtfHandler {
  readonly #maxDepth: number;
  readonly #groups: Group[] = [];
  #group: Group = {
    destination: "text",
    fallback: 1,
    encoding: null,
    isHidden: false,
    isRaised: false,
    isStruck: false,
    isRtfOnly: false,
    isFresh: true,
    isIgnorable: false,
  };
  #encoding = "windows-1252";
  readonly #fonts = new Map<number, string | null>();
  #defaultFont = 0;
  #font = 0;
  readonly #styles = new Map<number, number>();
  #style = 0;
  #styleName = "";
  #title = "";
  #pending: Uint8Array[] = [];
  /** Characters still to be passed over after a `\\u`. */
  #skip = 0;
  /** Half of a surrogate pair, with what stands in for it. */
  #half: { code: number; standIn: string } | null = null;
  readonly #body = new FlowText();
  readonly #asides: Aside[] = [];
  readonly #apart: Record<Aside["kind"], string[]> = { note: [], header: [], footer: [] };
  readonly #sections: FlowSection[] = [];
  #head: SectionHead = {};
  #level: number | undefined;
  #heading = "";
  #inTable = false;
  #inRow = false;
  #inCell = false;
  #html: string[] | null = null;
  /** Of the form field that is open: kind, value, value where none was given, what could be chosen. */
  #field = { kind: 0, value: unset, preset: 0, choices: [] as string[] };
  #words = 0;
  #pictures = 0;
  #objects = 0;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  open(): void {
    this.#flush();
    if (this.#groups.length >= this.#maxDepth) throw new SluiceError("limit_nesting");
    this.#groups.push(this.#group);
    this.#group = { ...this.#group, isFresh: true, isIgnorable: false };
  }

  close(): void {
    this.#flush();
    const aside = this.#asides.at(-1);
    if (aside?.depth === this.#groups.length) this.#endAside(aside);
    this.#skip = 0;
    const { destination } = this.#group;
    this.#group = this.#groups.pop() ?? this.#group;
    if (destination === "formField" && this.#group.destination !== "formField") this.#endField();
  }

  bytes(bytes: Uint8Array): void {
    this.#group.isFresh = false;
    if (this.#group.destination === "skip") return;
    const passed = Math.min(this.#skip, bytes.length);
    this.#skip -= passed;
    if (passed > 0 && this.#half) this.#half.standIn += Buffer.from(bytes.subarray(0, passed)).toString("latin1");
    if (passed === bytes.length) return;
    this.#pending.push(bytes.subarray(passed));
    if (this.#pending.length > maxPending) this.#flush();
  }

  word(name: string, value: number | null): void {
    this.#words += 1;
    if (name === "*") {
      this.#group.isIgnorable = true;
      return;
    }
    if (this.#group.isFresh && this.#begins(name)) return;
    this.#group.isFresh = false;
    if (this.#group.destination === "skip") return;
    if (name === "u") {
      this.#unicode(value ?? 0);
      return;
    }
    if (this.#skip > 0 && (signs[name] !== undefined || name === "tab")) {
      this.#skip -= 1;
      return;
    }
    this.#flush();
    this.#apply(name, value);
  }

  end(): Omit<RtfText, "isCut"> {
    this.#flush();
    for (const aside of this.#asides.splice(0).reverse()) this.#endAside(aside);
    if (this.#words === 0) throw new SluiceError("document_corrupt");
    this.#endRow();
    this.#finish();
    const apart = (kind: Aside["kind"]): FlowSection[] =>
      [...new Set(this.#apart[kind])].map((text) => ({ head: {}, blocks: [{ gap: "", text }] }));
    return {
      title: this.#title.trim() || null,
      sections: [...apart("header"), ...this.#sections, ...apart("note"), ...apart("footer")],
      html: this.#html?.join("") ?? null,
      pictures: this.#pictures,
      objects: this.#objects,
    };
  }

  get #flow(): FlowText {
    return this.#asides.at(-1)?.flow ?? this.#body;
  }

  /** Whether the word says what the group is for. */
  #begins(name: string): boolean {
    const group = this.#group;
    if (group.destination === "skip") return true;
    const destination = destinationOf(name, group.isIgnorable, group.destination);
    if (name === "pict") this.#pictures += 1;
    if (name === "objdata") this.#objects += 1;
    if (!destination) return false;
    group.isFresh = false;
    group.destination = destination;
    if (destination === "formField") this.#field = { kind: 0, value: unset, preset: 0, choices: [] };
    if (destination === "choice") this.#field.choices.push("");
    if (destination === "note" || destination === "header" || destination === "footer") {
      this.#asides.push({ kind: destination, flow: new FlowText(), depth: this.#groups.length });
      group.destination = "text";
    }
    return true;
  }

  /** A form field's state stands where its result would, which is empty. */
  #endField(): void {
    const { kind, value, preset, choices } = this.#field;
    if (this.#group.isHidden || this.#html) return;
    const state = value === unset ? preset : value;
    const said = kind === checkBox ? (state === 0 ? "[ ]" : "[x]") : kind === dropDown ? (choices[state] ?? "") : "";
    if (!said) return;
    this.#open();
    this.#flow.add(` ${said} `);
  }

  #endAside({ kind, flow }: Aside): void {
    this.#asides.pop();
    const text = blocksText(flow.take()).trim();
    if (text) this.#apart[kind].push(text);
  }

  #apply(name: string, value: number | null): void {
    const group = this.#group;
    const isOn = value !== 0;
    if (name === "f" || name === "fcharset" || name === "deff" || name === "cpg") this.#setFont(name, value ?? 0);
    else if (name === "s" || name === "outlinelevel") this.#setStyle(name, value ?? 0);
    else if (name === "ansicpg") this.#encoding = pageEncoding(value ?? 1252);
    else if (name === "mac") this.#encoding = "macintosh";
    else if (name === "uc") group.fallback = Math.max(0, value ?? 1);
    else if (name === "fftype") this.#field.kind = value ?? 0;
    else if (name === "ffres") this.#field.value = value ?? unset;
    else if (name === "ffdefres") this.#field.preset = value ?? 0;
    else if (name === "v" || name === "deleted") group.isHidden = isOn;
    else if (name === "htmlrtf") group.isRtfOnly = isOn;
    else if (name === "fromhtml" && isOn) this.#html = [];
    else if (name === "super") group.isRaised = isOn;
    else if (name === "strike" || name === "striked") group.isStruck = isOn;
    else if (name === "nosupersub") group.isRaised = false;
    else if (name === "plain") {
      const encoding = this.#fonts.get(this.#defaultFont) ?? null;
      Object.assign(group, { isHidden: false, isRaised: false, isStruck: false, encoding });
    } else if (group.destination === "text" && !group.isHidden) this.#layOut(name);
    else if (name === "par" || name === "tab") this.#say(name === "par" ? "\r\n" : "\t");
  }

  #setFont(name: string, value: number): void {
    if (name === "deff") this.#defaultFont = value;
    else if (name === "fcharset") this.#fonts.set(this.#font, charsetEncoding(value));
    else if (name === "cpg") this.#fonts.set(this.#font, pageEncoding(value));
    else if (this.#group.destination === "fonts") this.#font = value;
    else this.#group.encoding = this.#fonts.get(value) ?? null;
  }

  #setStyle(name: string, value: number): void {
    if (this.#group.destination === "styles") {
      if (name === "s") [this.#style, this.#styleName] = [value, ""];
    } else if (this.#group.destination === "text") {
      const level = name === "s" ? this.#styles.get(value) : value + 1;
      if (level !== undefined && level <= 9) this.#level = level;
    }
  }

  #layOut(name: string): void {
    if (this.#html) {
      if (name === "par" || name === "line") this.#say("\r\n");
      else if (name === "tab") this.#say("\t");
      else if (signs[name] !== undefined) this.#say(signs[name] ?? "");
      return;
    }
    switch (name) {
      case "par":
      case "sect":
      case "page":
        this.#endParagraph(name === "par" ? 1 : 2);
        break;
      case "line":
      case "softline":
        this.#flow.breakLine(1);
        break;
      case "tab":
        this.#open();
        this.#flow.raw("\t");
        break;
      case "pard":
        [this.#inTable, this.#level] = [false, undefined];
        break;
      case "intbl":
      case "trowd":
        this.#inTable = true;
        break;
      case "trhdr":
        this.#openRow();
        this.#flow.headRow();
        break;
      case "cell":
        this.#openCell();
        this.#flow.closeCell();
        this.#inCell = false;
        break;
      case "nestcell":
        this.#flow.add(" | ");
        break;
      case "nestrow":
        this.#flow.breakLine(1);
        break;
      case "row":
        this.#endRow();
        break;
      default:
        if (signs[name] !== undefined) this.#say(signs[name] ?? "");
    }
  }

  #unicode(value: number): void {
    const code = value < 0 ? value + 65_536 : value;
    const { fallback } = this.#group;
    const half = this.#half;
    const completes = half !== null && half.code < 0xdc00 && code >= 0xdc00 && code <= 0xdfff;
    if (half && completes && this.#pending.length === 0) {
      this.#half = null;
      this.#say(String.fromCharCode(half.code, code));
    } else {
      this.#flush();
      if (code >= 0xd800 && code <= 0xdfff) this.#half = { code, standIn: "" };
      else if (code <= 0x10_ffff) this.#say(String.fromCodePoint(code));
    }
    this.#skip = fallback;
  }

  /** Bytes that wait for their code page to be known to end, and half a character that stayed alone. */
  #flush(): void {
    const half = this.#half;
    if (half && (this.#skip === 0 || this.#pending.length === 0)) {
      this.#half = null;
      this.#say(half.standIn || "\ufffd");
    }
    if (this.#pending.length === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#say(decode(bytes, this.#group.encoding ?? this.#encoding));
  }

  #say(text: string): void {
    const { destination, isHidden, isRaised, isStruck, isRtfOnly } = this.#group;
    if (destination === "html") this.#html?.push(text);
    else if (destination === "title") this.#title += text;
    else if (destination === "styles") this.#nameStyle(text);
    else if (destination === "choice") this.#field.choices.push((this.#field.choices.pop() ?? "") + text);
    if (destination !== "text" || isHidden) return;
    if (this.#html) {
      if (!isRtfOnly) this.#html.push(escaped(text));
      return;
    }
    this.#open();
    if (isRaised) this.#flow.superscript();
    this.#flow.strike(isStruck);
    this.#flow.add(text);
    if (this.#level) this.#heading += text;
  }

  #nameStyle(text: string): void {
    this.#styleName += text;
    if (!text.includes(";")) return;
    const level = headingLevel(this.#styleName.replace(/;.*/s, "").trim());
    if (level) this.#styles.set(this.#style, level);
  }

  /** Before the words of a paragraph: its cell, or the section that it heads. */
  #open(): void {
    if (this.#asides.length > 0) return;
    if (this.#inTable) this.#openCell();
    else {
      this.#endRow();
      if (this.#level && this.#heading === "") this.#finish();
    }
  }

  #openRow(): void {
    if (this.#inRow || this.#asides.length > 0) return;
    this.#body.openRow();
    this.#inRow = true;
  }

  #openCell(): void {
    this.#openRow();
    if (this.#inCell || this.#asides.length > 0) return;
    this.#body.openCell();
    this.#inCell = true;
  }

  #endRow(): void {
    if (!this.#inRow || this.#asides.length > 0) return;
    this.#body.closeRow();
    [this.#inRow, this.#inCell] = [false, false];
  }

  #endParagraph(breaks: 1 | 2): void {
    const title = this.#heading.replace(/\s+/g, " ").trim();
    const isHeading = this.#level !== undefined && title !== "" && !this.#inCell && this.#asides.length === 0;
    if (isHeading) this.#head = { level: this.#level, title };
    this.#heading = "";
    this.#flow.breakLine(isHeading ? 2 : breaks);
  }

  #finish(): void {
    const blocks = this.#body.take();
    if (blocksText(blocks).trim()) this.#sections.push({ head: this.#head, blocks });
    this.#head = {};
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
