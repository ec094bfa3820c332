import type { Code } from "@sluice/contracts";
import { sectionCodes } from "./section-codes.js";

/** A line, or the beginning of one, that says what follows it is about. */
export interface Heading {
  title: string;
  /** LOINC's, where the heading is a common one. */
  code: Code | null;
  /** Whether it is in capitals throughout; such a heading ends what stood under any other. */
  isCapital: boolean;
}

const maxHeading = 80;
/** `2.`, `IV.`, `##`, `**`, bullets: what may stand before a heading without being part of it. */
const marks = /^[\s#*_>•–-]*(?:(?:\d{1,2}|[IVX]{1,4})[.)]\s+)?[*_]*/;
/** A label at the beginning of a line, and what sets it off: a colon, a dash, a gap of columns. */
const label = /^([\p{Lu}][\p{L} &/'’()-]{0,50}?)[*_]*(?:\s*:|\s+[–-]\s|\s{3,}|\t)/u;

const byName = new Map<string, Code>();
for (const [code, display, ...names] of sectionCodes) {
  for (const name of names) byName.set(name, { system: "http://loinc.org", code, display });
}
const known = new Set(sectionCodes.map(([code]) => code));

/** Whether a code names a kind of section, and not a document or a study. */
export function isSectionCode(code: Code | null): boolean {
  return code !== null && known.has(code.code);
}

/** The code of a section of this title; null where the title is not a common one. `imaging`: an impression is a radiologist's. */
export function codeOfTitle(title: string, imaging = false): Code | null {
  const name = title
    .replace(marks, "")
    .toLowerCase()
    .replace(/\([^)]*\)/g, " ")
    .replace(/[’']/g, "")
    .replace(/\s*(?:&|\+|\/)\s*/g, " and ")
    .replace(/[\s:.*_#–-]+/g, " ")
    .trim();
  if (imaging) {
    const radiology = byName.get(`radiology ${name}`);
    if (radiology !== undefined) return radiology;
  }
  return byName.get(name) ?? null;
}

/** The heading that a line is, or begins with; null for any other line. */
export function headingOf(line: string, imaging = false): Heading | null {
  const bare = line.replace(marks, "").trimEnd();
  if (!/^\p{Lu}/u.test(bare)) return null;
  if (bare.length <= maxHeading) {
    const title = bare.replace(/[\s:*_]+$/, "");
    const isLabelled = title.length < bare.length;
    // A letter or two are a heading with a colon only.
    const code = title.length > 2 || isLabelled ? codeOfTitle(title, imaging) : null;
    const isCapital = isInCapitals(title);
    if (code !== null || isCapital || (isLabelled && isTitle(title)))
      return { title, code, isCapital: isCapital || isWithoutSmall(title) };
  }
  const [found = "", begun] = label.exec(bare) ?? [];
  if (begun === undefined) return null;
  const title = begun.trim();
  const isColon = found.endsWith(":");
  // `Patient A   120   80` is no heading, nor is a letter without a colon.
  const code = isColon || title.length > 1 ? codeOfTitle(title, imaging) : null;
  return code !== null || (isColon && isInCapitals(title)) ? { title, code, isCapital: isWithoutSmall(title) } : null;
}

/** `S`, `O`, `A`, `P`: headings where all of them are used so, and abbreviations elsewhere. */
export function isLetter({ title }: Heading): boolean {
  return title.length === 1;
}

function isWithoutSmall(text: string): boolean {
  return !/\p{Ll}/u.test(text);
}

/** `#1 Hypertension`, `2) CKD stage 3`, `Problem 3: …`: one problem of an assessment and plan. */
export function problemOf(line: string): string | null {
  const [, title] =
    /^\s{0,3}(?:#+\s*(?:\d{1,2}[.:)]?\s*)?|\d{1,2}[.)]\s+|problem\s*#?\d{1,2}\s*[.:)-]\s*)(\S.*)$/i.exec(line) ?? [];
  return title === undefined
    ? null
    : (title.split(/[:;.]\s|\s[–-]\s/)[0] ?? title).replace(/[:\s]+$/, "").slice(0, maxHeading);
}

/** Words in capitals without columns, numbers or an end of a sentence: no row of a table, no abbreviation alone. */
function isInCapitals(text: string): boolean {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  return (
    letters >= 4 &&
    text.length <= 60 &&
    !/\p{Ll}|\d|\s{2}|[.!?|;=]|\t/u.test(text) &&
    text.split(/\s+/).length <= 8 &&
    /\p{L}{4}/u.test(text)
  );
}

function isTitle(text: string): boolean {
  return text.length <= 60 && !/[.!?;|=]|\s{2}|\d{3}/.test(text) && text.split(/\s+/).length <= 6;
}
