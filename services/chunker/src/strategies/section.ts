import { sectionSeparator } from "@sluice/contracts";
import { cut, type Part } from "../cut.js";
import type { Source } from "../source.js";
import type { Strategy, StrategyTools } from "./strategy.js";

/** Never across a section, but short ones that belong together are joined; long ones are cut by problem, paragraph, sentence, word. */
export function bySection(tools: StrategyTools): Strategy {
  let short: Part[] = [];
  let size = 0;
  const flush = () => {
    const parts = short;
    [short, size] = [[], 0];
    return parts.length === 0 ? [] : cut(parts, tools);
  };
  return {
    add(section) {
      const part = { section, ...tools.structure.blocks(section) };
      const length =
        section.text.length > tools.minSize * 16 ? Number.POSITIVE_INFINITY : tools.measure.size(section.text);
      const isShort = length < tools.minSize && part.blocks.every((block, i) => i === 0 || block.begins === "loose");
      const last = short.at(-1);
      const done = last !== undefined && isShort && areSiblings(last, part) ? [] : flush();
      if (!isShort) return [...done, ...cut([part], tools)];
      short.push(part);
      size += length;
      return size >= tools.minSize ? [...done, ...flush()] : done;
    },
    end: flush,
  };
}

/** Sections of one level, kind and page, one behind the other. */
function areSiblings(a: Part, b: Part): boolean {
  const [one, other]: [Source, Source] = [a.section, b.section];
  return (
    one.level === other.level &&
    a.code?.code === b.code?.code &&
    a.code?.system === b.code?.system &&
    a.blocks.at(-1)?.code?.code === b.blocks[0]?.code?.code &&
    one.pageTo === other.pageFrom &&
    other.start === one.start + one.text.length + sectionSeparator.length
  );
}
