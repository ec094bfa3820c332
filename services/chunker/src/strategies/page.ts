import { cut, type Part } from "../cut.js";
import type { Source } from "../source.js";
import type { Block } from "../structure.js";
import type { Strategy, StrategyTools } from "./strategy.js";

/** A page is a chunk, or several when it is too long, and no chunk is of two pages; where there are none, a section is. */
export function byPage(tools: StrategyTools): Strategy {
  let pending: Part[] = [];
  const flush = () => {
    const parts = pending;
    pending = [];
    return parts.length === 0 ? [] : cut(parts, tools);
  };
  return {
    add(section) {
      const { code } = tools.structure.blocks(section);
      return slices(section).flatMap((slice) => {
        const last = pending.at(-1)?.section;
        const isSamePage = last?.pageFrom != null && last.pageFrom === slice.pageFrom;
        const done = isSamePage ? [] : flush();
        pending.push({ section: slice, blocks: [wholeOf(slice, code)], code });
        return done;
      });
    },
    end: flush,
  };
}

function wholeOf(section: Source, code: Block["code"]): Block {
  return { from: 0, to: section.text.length, heading: null, code, begins: "loose", rows: null, header: null };
}

/** A section's text on each of its pages. */
function slices(section: Source): Source[] {
  const starts = (section.pages ?? []).filter(
    ([, start]) => start > section.start && start < section.start + section.text.length,
  );
  const bounds = [section.start, ...starts.map(([, start]) => start), section.start + section.text.length];
  return bounds.slice(0, -1).map((start, i) => {
    const page = i === 0 ? section.pageFrom : (starts[i - 1]?.[0] ?? null);
    const text = section.text.slice(start - section.start, (bounds[i + 1] ?? 0) - section.start);
    return { ...section, start, text, pageFrom: page, pageTo: page, pages: undefined };
  });
}
