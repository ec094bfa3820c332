import type { Code } from "@sluice/contracts";
import type { PrefixText } from "./context.js";
import { Packer } from "./packer.js";
import { lineLevel } from "./pieces.js";
import type { Draft, Source } from "./source.js";
import type { Block } from "./structure.js";
import type { Measure } from "./tokens.js";

/** A section with its blocks; `code`: its own or its title's. */
export interface Part {
  section: Source;
  blocks: Block[];
  code: Code | null;
}

export interface CutTools {
  measure: Measure;
  prefix: PrefixText;
  /** Long enough to stand alone. */
  minSize: number;
}

/**
 * Cuts sections that are taken together: one, or short ones that follow each other without a gap. `tableAlone`: what is a table is cut by
 * itself.
 */
export function cut(parts: readonly Part[], tools: CutTools, { tableAlone = false } = {}): Draft[] {
  const base = parts[0]?.section.start ?? 0;
  const text = joined(parts, base);
  const blocks = parts.flatMap(({ section, blocks: own, code }) =>
    own.map((block) => ({ block, section, code, at: section.start - base })),
  );
  const placeOf = (from: number) => {
    let [low, high] = [0, blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const { block, at } = blocks[middle] as (typeof blocks)[number];
      if (at + block.from <= from) low = middle;
      else high = middle - 1;
    }
    return blocks[low];
  };
  const titlesBeside = parts.map(({ section }) => (beginsWithTitle(section) ? null : section.title));
  const prefixAt = (from: number): string => {
    const place = placeOf(from);
    if (place === undefined) return "";
    const { block, section, at } = place;
    const own = parts.length > 1 ? titlesBeside : [from <= at ? (titlesBeside[0] ?? null) : section.title];
    const heading = block.heading !== null && at + block.heading.at < from ? block.heading.title : null;
    const header = block.header !== null && at + block.header.end <= from ? block.header.text : null;
    return tools.prefix.join([...own, heading], header);
  };
  const drafts: Draft[] = [];
  const packer = new Packer(text, tools.measure, prefixAt, ({ from, to, prefix }) => {
    const raw = text.slice(from, to);
    const start = from + raw.length - raw.trimStart().length;
    const end = from + raw.trimEnd().length;
    const place = placeOf(start);
    if (end <= start || place === undefined) return;
    const last = placeOf(end - 1) ?? place;
    const { section, block } = place;
    drafts.push({
      start: base + start,
      end: base + end,
      text: text.slice(start, end),
      prefix,
      sectionOrdinal: section.ordinal,
      sectionTo: last.section.ordinal,
      pageFrom: pageAt(section, base + start, section.pageFrom),
      pageTo: pageAt(last.section, base + end - 1, last.section.pageTo),
      code: block.code,
      heading: block.heading === null ? null : { title: block.heading.title, start: section.start + block.heading.at },
    });
  });
  for (const { block, at } of blocks) {
    const isTable = block.rows !== null;
    if (at === 0 && block.from === 0) {
      // Nothing stands before it.
    } else if (block.begins === "strict" && parts.length === 1) packer.close();
    // A caption is no chunk of its own.
    else if (packer.size >= tools.minSize || (isTable && tableAlone && packer.size * 10 >= tools.measure.limit))
      packer.close();
    if (block.rows === null) {
      packer.add(at + block.from, at + block.to);
      continue;
    }
    let from = block.from;
    for (const [i] of block.rows.entries()) {
      const to = block.rows[i + 1]?.[0] ?? block.to;
      packer.add(at + from, at + to, lineLevel);
      from = to;
    }
    if (tableAlone) packer.close();
  }
  packer.close();
  return drafts;
}

function beginsWithTitle({ title, text }: Source): boolean {
  const begun = text.trimStart();
  return (
    title !== null && begun.startsWith(title) && !/^[\p{L}\p{N}]/u.test(begun.slice(title.length, title.length + 2))
  );
}

/** The sections' texts as they stand in the display text. */
function joined(parts: readonly Part[], base: number): string {
  let text = "";
  for (const { section } of parts) text += "\n".repeat(section.start - base - text.length) + section.text;
  return text;
}

function pageAt({ pages }: Source, offset: number, otherwise: number | null): number | null {
  const page =
    pages?.findLast(([, start, end]) => start <= offset && offset < end) ??
    pages?.findLast(([, start]) => start <= offset);
  return page?.[0] ?? otherwise;
}
