import { createHash } from "node:crypto";
import { RecursiveCharacterTextSplitter } from "@langchain/textsplitters";
import type { Section } from "@sluice/contracts";
import type { Chunk } from "@sluice/store";
import { tokenCount } from "./tokens.js";

/** Changes whenever the same sections would be cut in another way. */
export const chunkerVersion = "sections-1";

export interface SplitOptions {
  maxTokens: number;
  overlapTokens: number;
}

/** Paragraph, line, sentence, clause, word, character: the largest unit that fits is kept whole. */
const separators = ["\n\n", "\n", ". ", "; ", ", ", " ", ""];

/** Cuts one section; a chunk never holds text of two. */
export type SectionSplitter = (section: Section, firstOrdinal: number) => Promise<Chunk[]>;

export function createSectionSplitter(options: SplitOptions): SectionSplitter {
  const splitter = new RecursiveCharacterTextSplitter({
    chunkSize: options.maxTokens,
    chunkOverlap: options.overlapTokens,
    lengthFunction: tokenCount,
    separators,
    keepSeparator: true,
  });
  return async (section, firstOrdinal) => {
    // The same title stands before each of the section's chunks: it is searched and embedded with them, and is no part of their text.
    const prefix = section.title ?? "";
    const pieces =
      tokenCount(section.text) <= options.maxTokens ? [section.text.trim()] : await splitter.splitText(section.text);
    const chunks: Chunk[] = [];
    let from = 0;
    for (const text of pieces) {
      // The splitter trims and may overlap, but every piece is a stretch of the text, in order.
      const start = section.text.indexOf(text, from);
      if (text === "" || start < 0) throw new Error("a piece is not a stretch of its section");
      from = options.overlapTokens > 0 ? start + 1 : start + text.length;
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
