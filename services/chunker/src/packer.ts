import { withPrefix } from "@sluice/contracts";
import { finest, lineLevel, pieces } from "./pieces.js";
import type { Measure } from "./tokens.js";

/** What no text of as many characters for each token of room fits into; it is not worth counting. */
const longestToken = 16;

interface Open {
  from: number;
  /** The ends of its pieces. */
  ends: number[];
  size: number;
  prefix: string;
  room: number;
}

export interface Packed {
  from: number;
  to: number;
  prefix: string;
}

/**
 * Fills chunks with the pieces of a text, in order: each as long as the measure allows, cut between the largest pieces that fit.
 * `prefixAt` says what stands before a chunk that begins at an offset.
 */
export class Packer {
  readonly #text: string;
  readonly #measure: Measure;
  readonly #prefixAt: (from: number) => string;
  readonly #emit: (packed: Packed) => void;
  #open: Open | null = null;
  #counted = { prefix: "", size: 0 };

  constructor(text: string, measure: Measure, prefixAt: (from: number) => string, emit: (packed: Packed) => void) {
    this.#text = text;
    this.#measure = measure;
    this.#prefixAt = prefixAt;
    this.#emit = emit;
  }

  /** How much the chunk that is being filled holds. */
  get size(): number {
    return this.#open?.size ?? 0;
  }

  add(from: number, to: number, level = 0): void {
    const piece = this.#text.slice(from, to);
    const trimmed = piece.trim();
    if (trimmed === "") {
      if (this.#open !== null) this.#open.ends.push(to);
      return;
    }
    const fresh = this.#open ?? this.#begin(from);
    const isHuge = trimmed.length > fresh.room * longestToken;
    // A line break may be a token of its own; a space is not.
    const size = isHuge ? Number.POSITIVE_INFINITY : this.#measure.size(trimmed) + (piece.includes("\n") ? 1 : 0);
    if (fresh.size + size <= fresh.room) {
      this.#open = fresh;
      fresh.ends.push(to);
      fresh.size += size;
      return;
    }
    // A few words, such as a heading, are not left alone for the sake of a paragraph.
    const isTiny = fresh.size * 10 < fresh.room && level < lineLevel;
    if (this.#open !== null && ((size <= fresh.room && !isTiny) || fresh.size * 2 >= fresh.room)) {
      this.#flush();
      this.add(from, to, level);
    } else if (level < finest) {
      for (const [a, b] of pieces(piece, level)) this.add(from + a, from + b, level + 1);
    } else {
      // One character that is longer than a chunk may be: there is nothing left to cut.
      this.close();
      this.#emit({ from, to, prefix: "" });
    }
  }

  close(): void {
    while (this.#open !== null) this.#flush();
  }

  /** Gives what is open; what turns out not to fit stays open. */
  #flush(): void {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    // Pieces were counted one by one; joined they may count a token or two more than their sum.
    const rest: number[] = [];
    while (open.ends.length > 1 && !this.#fits(open.from, open.ends.at(-1) ?? 0, open.prefix)) {
      rest.unshift(open.ends.pop() as number);
    }
    const end = open.ends.at(-1) ?? open.from;
    this.#halve(open.from, end, open.prefix);
    let from = end;
    for (const to of rest) {
      this.add(from, to);
      from = to;
    }
  }

  #begin(from: number): Open {
    const prefix = this.#prefixAt(from);
    // The line break after it.
    if (prefix !== this.#counted.prefix) this.#counted = { prefix, size: this.#measure.size(prefix) + 1 };
    const taken = prefix === "" ? 0 : this.#counted.size;
    return { from, ends: [], size: 0, prefix, room: this.#measure.limit - taken };
  }

  #fits(from: number, to: number, prefix: string): boolean {
    return this.#measure.size(withPrefix(prefix, this.#text.slice(from, to).trim())) <= this.#measure.limit;
  }

  /** Gives a piece, in halves where it counts more behind its prefix than alone. */
  #halve(from: number, to: number, prefix: string): void {
    const isFitting = this.#fits(from, to, prefix);
    if (isFitting || to - from < 4) {
      this.#emit({ from, to, prefix: isFitting ? prefix : "" });
      return;
    }
    const middle = (from + to) >> 1;
    const space = this.#text.lastIndexOf(" ", middle) + 1;
    const code = this.#text.charCodeAt(middle);
    const cut = space > from + (to - from) / 4 ? space : code >= 0xdc00 && code <= 0xdfff ? middle + 1 : middle;
    this.#halve(from, cut, prefix);
    this.#halve(cut, to, prefix);
  }
}
