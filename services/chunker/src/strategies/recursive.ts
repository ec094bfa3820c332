import { RecursiveCharacterTextSplitter } from "@langchain/textsplitters";
import { cut } from "../cut.js";
import type { Draft, Source } from "../source.js";
import type { Block } from "../structure.js";
import type { Strategy, StrategyTools } from "./strategy.js";

/** langchain's, which would cut through characters outside the basic plane where there is nothing else to cut at. */
class CharacterSafeSplitter extends RecursiveCharacterTextSplitter {
  protected override splitOnSeparator(text: string, separator: string): string[] {
    return separator === "" ? Array.from(text) : super.splitOnSeparator(text, separator);
  }
}

/** Section by section as @langchain/textsplitters does it: blind to what is a list, a table or an abbreviation. */
export function recursively(tools: StrategyTools): Strategy {
  const { measure } = tools;
  const splitter = (prefix: string) =>
    new CharacterSafeSplitter({
      chunkSize: measure.limit - (prefix === "" ? 0 : measure.size(prefix) + 1),
      chunkOverlap: 0,
      // The splitter repeats what counts nothing, as marks within words do.
      lengthFunction: (text) => Math.max(text.length > 0 ? 1 : 0, measure.size(text)),
      separators: ["\n\n", "\n", ". ", "; ", ", ", " ", ""],
      keepSeparator: true,
    });
  return {
    async add(section) {
      const { code } = tools.structure.blocks(section);
      const drafts: Draft[] = [];
      let from = 0;
      for (const text of await splitter(tools.prefix.join([section.title], null)).splitText(section.text)) {
        // The splitter trims, but every piece is a stretch of the text, in order.
        const at = section.text.indexOf(text, from);
        if (at < 0) throw new Error("a piece is not a stretch of its section");
        from = at + text.length;
        if (text === "") continue;
        // What comes out too long, as joined pieces may count more than their sum, is cut as ever.
        const stretch: Source = { ...section, text, start: section.start + at };
        drafts.push(...cut([{ section: stretch, blocks: [wholeOf(stretch, code)], code }], tools));
      }
      return drafts;
    },
    end: () => [],
  };
}

function wholeOf(section: Source, code: Block["code"]): Block {
  return { from: 0, to: section.text.length, heading: null, code, begins: "strict", rows: null, header: null };
}
