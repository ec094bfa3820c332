import { type Code, maxSectionLength, type Page, type Section, sectionSeparator } from "@sluice/contracts";
import type { Gap, PageDetails, Placed, PlacedPage, SectionHead } from "../formats/format.js";
import { clean, cleanAll, clip } from "./clean.js";
import { split } from "./split.js";

const maxLevel = 12;
const maxTitle = 1_000;

/** A stretch of a text that was given, where it came to stand. */
interface Piece {
  /** Offset in the cleaned text. */
  at: number;
  start: number;
  length: number;
}

type Head = Pick<Section, "level" | "title" | "code">;
/** A section row in the making. */
type Row = Omit<Section, "text"> & { blocks: string[]; length: number };

export interface LivePage extends PlacedPage {
  start: number;
  end: number;
  kind: Page["kind"];
  details: PageDetails;
  lines: [number, number, number][];
  /** How many of the given lines were found in the text. */
  found: number;
}

/**
 * Lays the display text: blocks joined within a section, sections joined by a blank line, cut where a section gets too long.
 * A block's place is known when it is placed and never changes.
 */
export class DisplayText {
  /** UTF-16 units so far. */
  length = 0;
  /** Sections begun so far. */
  sections = 0;
  page: LivePage | null = null;
  readonly #emit: (section: Section) => Promise<void>;
  readonly #count: (text: string) => void;
  #head: Head = headOf({});
  #row: Row | null = null;

  /** `emit` takes the sections as they are done; `count` sees every text before it is placed, and may refuse it. */
  constructor(emit: (section: Section) => Promise<void>, count: (text: string) => void) {
    this.#emit = emit;
    this.#count = count;
  }

  async begin(head: SectionHead): Promise<void> {
    await this.end();
    this.#head = headOf(head);
  }

  async end(): Promise<void> {
    await this.#close();
    this.#head = headOf({});
  }

  async place(given: string, gap: Gap): Promise<Placed> {
    const text = clean(given);
    const pieces: Piece[] = [];
    for (const part of split(text, maxSectionLength)) {
      const isNext =
        pieces.length > 0 || (this.#row && this.#row.length + gap.length + part.text.length > maxSectionLength);
      if (isNext) await this.#close();
      pieces.push({ at: part.at, start: this.#append(part.text, gap), length: part.text.length });
    }
    return new PlacedText(given, text.length, pieces, this.length);
  }

  #append(text: string, gap: Gap): number {
    this.#count(text);
    const joint = this.#row ? gap : this.length === 0 ? "" : sectionSeparator;
    const start = this.length + joint.length;
    this.length = start + text.length;
    const page = this.page?.number ?? null;
    if (this.#row) {
      this.#row.blocks.push(joint, text);
      this.#row.length += joint.length + text.length;
      this.#row.pageFrom ??= page;
    } else {
      this.#row = {
        ...this.#head,
        ordinal: this.sections++,
        start,
        pageFrom: page,
        pageTo: page,
        blocks: [text],
        length: text.length,
      };
    }
    this.#row.pageTo = page;
    if (this.page) this.#onPage(this.page, text, start);
    return start;
  }

  #onPage(page: LivePage, text: string, start: number): void {
    if (page.start === page.end) page.start = start;
    page.end = this.length;
    let from = 0;
    for (const line of page.details.lines?.slice(page.found) ?? []) {
      const words = clean(line.text).trim();
      const at = text.indexOf(words, from);
      if (at === -1) break;
      from = at + words.length;
      page.found += 1;
      if (words) page.lines.push([start + at, start + from, line.confidence]);
    }
  }

  /** Ends the row, not the section: what follows in it is a row with the same head. */
  async #close(): Promise<void> {
    const row = this.#row;
    this.#row = null;
    if (!row) return;
    const { blocks, length: _, ...section } = row;
    await this.#emit({ ...section, text: blocks.join("") });
  }
}

function headOf({ level = 1, title, code }: SectionHead): Head {
  return {
    level: Math.min(Math.max(level, 1), maxLevel),
    title: clip(clean(title ?? "").trim(), maxTitle).trim() || null,
    code: code ? cleanAll<Code>(code, maxTitle) : null,
  };
}

class PlacedText implements Placed {
  readonly start: number;
  readonly end: number;
  readonly #given: string | null;
  readonly #pieces: readonly Piece[];

  constructor(given: string, cleanLength: number, pieces: readonly Piece[], position: number) {
    const last = pieces.at(-1);
    this.start = pieces[0]?.start ?? position;
    this.end = last ? last.start + last.length : position;
    this.#pieces = pieces;
    // Only where cleaning took something out do offsets have to be counted anew.
    this.#given = cleanLength === given.length ? null : given;
  }

  at(from: number, to: number): { start: number; end: number } {
    const start = this.#map(from);
    return { start, end: Math.max(start, this.#map(to)) };
  }

  #map(offset: number): number {
    const at = this.#given === null ? offset : clean(this.#given.slice(0, offset)).length;
    const piece = this.#pieces.findLast((each) => each.at <= at) ?? this.#pieces[0];
    return piece ? piece.start + Math.min(Math.max(at - piece.at, 0), piece.length) : this.start;
  }
}
