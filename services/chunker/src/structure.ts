import type { Code } from "@sluice/contracts";
import {
  codeOfTitle,
  type Heading as FoundHeading,
  headingOf,
  isLetter,
  isSectionCode,
  problemOf,
} from "./clinical/headings.js";
import type { Range, Source } from "./source.js";

/** A part of a section that begins with a heading, or is a table. Offsets are within the section's text. */
export interface Block {
  from: number;
  to: number;
  /** The heading that it stands under, its own or one further up; that may be in an earlier section. */
  heading: { title: string; at: number } | null;
  code: Code | null;
  /** strict: no chunk holds text on both sides of its beginning · loose: one that is long enough ends there */
  begins: "strict" | "loose";
  /** Its rows, when it is a table: they are not cut. */
  rows: Range[] | null;
  /** The table's heading rows, in a line, and where they end. */
  header: { text: string; end: number } | null;
}

interface Heading {
  title: string;
  at: number;
  code: Code | null;
  isCapital: boolean;
}

/** Assessment, plan, and the course of a stay: they go by problem. */
const byProblem = ["51847-2", "51848-0", "18776-5", "8648-8"];
/** These have labels of their own within (`Heart:`, `Chemistry:`); under any other a label that is not known begins something else. */
const withLabels = new Set([...byProblem, "29545-1", "10187-3", "30954-2", "8716-3"]);
const problems = new Set(byProblem);
const imagingTitle = /radiolog|\bimaging\b|\bx-?ray\b|\bCT\b|\bMRI?\b|ultraso|mammogra|sonogra/i;
const imagingHeading = new Set(["18782-3", "55111-9", "18834-2"]);
const maxHeader = 400;

/** Follows the headings of a document through its sections: what an untitled section goes on with began in the one before. */
export class Structure {
  /** Where it stands is counted from the beginning of the display text. */
  #under: Heading | null = null;
  #isImaging: boolean;
  #isByLetters = false;

  constructor(title: string | null) {
    this.#isImaging = imagingTitle.test(title ?? "");
  }

  #believes(heading: FoundHeading): boolean {
    if (!isLetter(heading)) return true;
    this.#isByLetters ||= heading.title === "S";
    return this.#isByLetters;
  }

  /** The blocks of a section, in order, and the code of what begins it: its own, or that of its title. */
  blocks(section: Source): { blocks: Block[]; code: Code | null } {
    const named = section.title === null ? null : codeOfTitle(section.title, this.#isImaging);
    const code = section.code ?? named;
    if (section.title !== null || section.code !== null) this.#under = null;
    const looks = !isSectionCode(code);
    const blocks: Block[] = [];
    let problem: Block["heading"] = null;
    let current: Heading | null =
      this.#under === null || !looks ? null : { ...this.#under, at: this.#under.at - section.start };
    const begin = (from: number, begins: Block["begins"], table: Partial<Block> = {}) => {
      const last = blocks.at(-1);
      if (last !== undefined) last.to = from;
      const heading = problem ?? current;
      blocks.push({
        from,
        to: section.text.length,
        heading: heading === null ? null : { title: heading.title, at: heading.at },
        code: current?.code ?? code,
        begins,
        rows: null,
        header: null,
        ...table,
      });
    };
    begin(0, "strict");
    const tables = tablesOf(section);
    let table = tables.shift();
    for (const [from, to] of lines(section.text)) {
      while (table !== undefined && table.to <= from) {
        table = tables.shift();
        if (table === undefined || table.from > from) begin(from, "loose");
      }
      if (table !== undefined && from >= table.from) {
        if (from === table.from) begin(from, "loose", table);
        continue;
      }
      const line = section.text.slice(from, to);
      if (looks) {
        const heading = headingOf(line, this.#isImaging);
        if (heading !== null && this.#believes(heading)) {
          if (heading.code !== null && imagingHeading.has(heading.code.code)) this.#isImaging = true;
          // A label that is not known may stand within what it stands under; in capitals it does not.
          const inherited = !heading.isCapital && withLabels.has(current?.code?.code ?? "") ? current?.code : null;
          problem = null;
          const isOwn = heading.code !== null || inherited == null;
          const isNew = heading.code !== null || (isOwn && current?.code != null);
          if (isOwn) current = { ...heading, at: from };
          else problem = { title: heading.title, at: from };
          begin(from, isNew ? "strict" : "loose");
          continue;
        }
      }
      if (problems.has((current?.code ?? code)?.code ?? "")) {
        const title = problemOf(line);
        if (title !== null) {
          problem = { title, at: from };
          begin(from, "loose");
        }
      }
    }
    this.#under = current === null ? null : { ...current, at: current.at + section.start };
    return { blocks: blocks.filter((block) => block.to > block.from), code: blocks[0]?.code ?? code };
  }
}

function* lines(text: string): Generator<Range> {
  let from = 0;
  while (from < text.length) {
    const at = text.indexOf("\n", from);
    const to = at === -1 ? text.length : at;
    if (to > from) yield [from, to];
    from = to + 1;
  }
}

/** The tables that the parser found, else what stands in columns. */
function tablesOf(section: Source): (Pick<Block, "from" | "to"> & Partial<Block>)[] {
  const given = (section.tables ?? []).flatMap(({ rows, headerRows }) => {
    const own = rows
      .map(([start, end]): Range => [start - section.start, end - section.start])
      .filter(([from, to]) => from >= 0 && to <= section.text.length);
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined) return [];
    // A part after the first repeats the headings, which then stand further up: out of this section, or before the part.
    return [tableBlock(section.text, own, Math.min(headerRows, own.length))];
  });
  const tables = given.length > 0 ? given : columnRuns(section.text);
  // Rows that are in two tables, as repeated headings are, belong to the first.
  let end = 0;
  return tables
    .sort((a, b) => a.from - b.from)
    .flatMap((table) => {
      const rows = table.rows.filter(([from]) => from >= end);
      const [first] = rows;
      if (first === undefined) return [];
      end = table.to;
      return [{ ...table, from: first[0], rows }];
    });
}

function tableBlock(text: string, rows: Range[], headerRows: number) {
  const header = rows.slice(0, headerRows);
  const said = header.map(([from, to]) => text.slice(from, to).replace(/\s+/g, " ").trim()).join(" / ");
  return {
    from: rows[0]?.[0] ?? 0,
    to: rows.at(-1)?.[1] ?? 0,
    rows,
    header: said === "" ? null : { text: said.slice(0, maxHeader).toWellFormed(), end: header.at(-1)?.[1] ?? 0 },
  };
}

const columns = /\S(?:\t+|\s{2,}|\s*\|\s*)(?=\S)/g;

/** Three lines and more in columns are a table; a first line without a number is its heading. */
function columnRuns(text: string): ReturnType<typeof tableBlock>[] {
  const tables: ReturnType<typeof tableBlock>[] = [];
  let run: Range[] = [];
  const close = () => {
    const [first] = run;
    if (first !== undefined && run.length >= 3) {
      const hasHeader =
        !/\d/.test(text.slice(first[0], first[1])) && run.slice(1).some(([a, b]) => /\d/.test(text.slice(a, b)));
      tables.push(tableBlock(text, run, hasHeader ? 1 : 0));
    }
    run = [];
  };
  let end = 0;
  for (const [from, to] of lines(text)) {
    const isNext = run.length === 0 || from === end + 1;
    const line = text.slice(from, to);
    const isRow = line.length <= 1_000 && (line.trim().match(columns)?.length ?? 0) >= 2;
    if (!isRow || !isNext) close();
    if (isRow) run.push([from, to]);
    end = to;
  }
  close();
  return tables;
}
