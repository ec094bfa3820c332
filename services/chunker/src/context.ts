import { documentTypes } from "./clinical/section-codes.js";
import type { DocumentContext } from "./source.js";
import type { Measure } from "./tokens.js";

const maxPart = 120;
const months = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec";
/** Days and years in any common writing, and what usually leads to them. */
const dates = new RegExp(
  `\\b(?:\\d{1,4}[./-]\\d{1,2}[./-]\\d{1,4}|(?:\\d{1,2}(?:st|nd|rd|th)?\\.?\\s+)?(?:${months})[a-z]*\\.?\\s+(?:\\d{1,2},?\\s+)?\\d{2,4}|(?:${months})[a-z]*\\.?\\s+\\d{1,2}(?:,?\\s+\\d{4})?|(?:19|20)\\d{2}|\\d{1,2}:\\d{2}(?::\\d{2})?)\\b`,
  "gi",
);
/** Labels of identity, and numbers long enough to be somebody's. */
const identity = /\b(?:patient|name|mrn|dob|born|nhs|ssn|mr|mrs|ms)\b|\d{5,}/i;

/** What may stand before the passages of one document: its type, and titles without identity or date. */
export class PrefixText {
  readonly #type: string | null;
  readonly #identities: readonly string[];
  readonly #measure: Measure;

  constructor(context: DocumentContext, measure: Measure) {
    this.#measure = measure;
    // Names come in parts (`Lee, Ann`); letters and short words would be found everywhere.
    this.#identities = context.identities
      .flatMap((each) => each.toLowerCase().split(/[\s,^]+/))
      .filter((part) => part.length > 2);
    const title = context.title?.toLowerCase() ?? "";
    const named = documentTypes.filter((type) => title.includes(type)).sort((a, b) => b.length - a.length)[0];
    this.#type = this.clean(context.type?.display ?? null) ?? named ?? null;
  }

  /** A title without dates; null where nothing is left, or it names somebody. */
  clean(title: string | null): string | null {
    const bare = (title ?? "")
      .replace(dates, " ")
      .replace(/\s+/g, " ")
      .replace(/^[\s,;:–-]+|[\s,;:–(-]+$/g, "");
    if (!/\p{L}{2}/u.test(bare) || bare.length > maxPart || identity.test(bare)) return null;
    return this.#namesSomebody(bare) ? null : bare;
  }

  #namesSomebody(text: string): boolean {
    const words = new Set(text.toLowerCase().split(/[^\p{L}\p{N}'-]+/u));
    return this.#identities.some((part) => words.has(part));
  }

  /** Type and titles in a line, a table's headings in the next; a third of what a chunk may hold, at most. */
  join(titles: readonly (string | null)[], header: string | null): string {
    const path: string[] = [];
    for (const part of [this.#type, ...titles.map((title) => this.clean(title))]) {
      if (part !== null && !path.some((other) => other.toLowerCase() === part.toLowerCase())) path.push(part);
    }
    const most = Math.floor(this.#measure.limit / 3);
    const lines = [path.join(" / "), header === null || this.#namesSomebody(header) ? "" : header];
    for (;;) {
      const prefix = lines.filter(Boolean).join("\n");
      if (prefix === "" || this.#measure.size(prefix) <= most) return prefix;
      // What is nearest to the text says most about it.
      if (path.length > 0) path.shift();
      else lines[1] = (lines[1] ?? "").slice(0, (lines[1] ?? "").length >> 1).toWellFormed();
      lines[0] = path.join(" / ");
    }
  }
}
