import { createHash } from "node:crypto";
import { RecursiveCharacterTextSplitter } from "@langchain/textsplitters";
import type { Section } from "@sluice/contracts";
import type { Chunk } from "@sluice/store";
import { tokenCount } from "./tokens.js";

/** Changes whenever the same sections would be cut in another way. */
export const chunkerVersion = "sections-1";

export interface SplitOptions {
  /** Tokens in a chunk, at most. */
  maxTokens: number;
}

/** Paragraph, line, sentence, clause, word, character: the largest unit that fits is kept whole. */
const separators = ["\n\n", "\n", ". ", "; ", ", ", " ", ""];

/** langchain's, which would cut through characters outside the basic plane where there is nothing else to cut at. */
class CharacterSafeSplitter extends RecursiveCharacterTextSplitter {
  protected override splitOnSeparator(text: string, separator: string): string[] {
    return separator === "" ? Array.from(text) : super.splitOnSeparator(text, separator);
  }
}

/** Cuts one section; a chunk never holds text of two. */
export type SectionSplitter = (section: Section, firstOrdinal: number) => Promise<Chunk[]>;

export function createSectionSplitter({ maxTokens }: SplitOptions): SectionSplitter {
  // The splitter adds up the tokens of pieces, and joined pieces may count one more than their sum: what comes out too long is cut
  // again, to a smaller size, down to single characters.
  const cut = async (text: string, size: number): Promise<string[]> => {
    const splitter = new CharacterSafeSplitter({
      chunkSize: size,
      chunkOverlap: 0,
      lengthFunction: tokenCount,
      separators,
      keepSeparator: true,
    });
    const pieces = await splitter.splitText(text);
    const fitting = await Promise.all(
      pieces.map((piece) =>
        size === 1 || tokenCount(piece) <= maxTokens ? [piece] : cut(piece, Math.ceil(size * 0.8)),
      ),
    );
    return fitting.flat();
  };
  return async (section, firstOrdinal) => {
    const pieces = tokenCount(section.text) <= maxTokens ? [section.text.trim()] : await cut(section.text, maxTokens);
    const chunks: Chunk[] = [];
    let from = 0;
    for (const text of pieces) {
      // Nothing but white space is nothing to find.
      if (text === "") continue;
      // The splitter trims, but every piece is a stretch of the text, in order.
      const start = section.text.indexOf(text, from);
      if (start < 0) throw new Error("a piece is not a stretch of its section");
      from = start + text.length;
      // The section's title stands before each of its chunks, searched and embedded with them but no part of their text; the first
      // chunk usually begins with it anyway.
      const prefix = section.title === null || text.startsWith(section.title) ? "" : section.title;
      chunks.push({
        ordinal: firstOrdinal + chunks.length,
        sectionOrdinal: section.ordinal,
        text,
        prefix,
        tokenCount: tokenCount(prefix === "" ? text : `${prefix}\n${text}`),
        pageFrom: section.pageFrom,
        pageTo: section.pageTo,
        spans: [[section.start + start, section.start + start + text.length]],
        contentHash: createHash("sha256").update(text).digest("hex"),
      });
    }
    return chunks;
  };
}
