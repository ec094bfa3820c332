import { z } from "zod";

/**
 * What a parser makes of a file, whatever the file was. It comes as a stream of items, so that a document of any
 * length passes through in bounded memory; the order of sections is the reading order.
 */

/** A coded concept: system as URI or OID, code, and the source's own display. */
export const Code = z.strictObject({ system: z.string(), code: z.string(), display: z.string().optional() });
export type Code = z.infer<typeof Code>;

export const Section = z.strictObject({
  /** 0, 1, 2 … through the document. */
  ordinal: z.number().int().nonnegative(),
  /** Depth of the heading: 1 is a top-level section. */
  level: z.number().int().min(1).max(12),
  title: z.string().nullable(),
  code: Code.nullable(),
  /** Display text, at most `maxSectionLength` UTF-16 units; never empty. */
  text: z.string().min(1),
  /** UTF-16 offset of `text` in the display text (sections joined by a blank line). */
  start: z.number().int().nonnegative(),
  /** First and last page, 1-based, where the source has pages. */
  pageFrom: z.number().int().positive().nullable(),
  pageTo: z.number().int().positive().nullable(),
});
export type Section = z.infer<typeof Section>;

/** What stands between the texts of two sections in the display text. */
export const sectionSeparator = "\n\n";
/** Longer sections are cut at a paragraph, line or word into several rows with the same title and code. */
export const maxSectionLength = 32_768;

export const Page = z.strictObject({
  number: z.number().int().positive(),
  /** text: has a text layer · image: pixels without text, waits for recognition · blank: neither · unreadable: damaged */
  kind: z.enum(["text", "ocr", "image", "blank", "unreadable"]),
  /** UTF-16 range [start, end) over the display text; empty where the page gave no text. */
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  confidence: z.number().min(0).max(1).nullable(),
});
export type Page = z.infer<typeof Page>;

/** A date with how exactly the source gives it and where it was found. `value` is ISO 8601, cut to its precision. */
export const DocumentDate = z.strictObject({
  kind: z.enum(["service", "authored", "received"]),
  value: z.string(),
  precision: z.enum(["year", "month", "day", "minute", "second"]),
  origin: z.string(),
});
export type DocumentDate = z.infer<typeof DocumentDate>;

/** Who the document says it is about. */
export const PatientIdentity = z.strictObject({
  identifiers: z.array(z.strictObject({ authority: z.string(), value: z.string() })),
  names: z.array(z.string()),
  birthDate: z.string().nullable(),
  sex: z.string().nullable(),
});
export type PatientIdentity = z.infer<typeof PatientIdentity>;

/** The document's own statements about itself. */
export const Header = z.strictObject({
  title: z.string().nullable(),
  type: Code.nullable(),
  language: z.string().nullable(),
  patient: PatientIdentity.nullable(),
  dates: z.array(DocumentDate),
});
export type Header = z.infer<typeof Header>;

/** Warnings are codes, never text from the document. */
export const ParseWarning = z.strictObject({
  code: z.string().regex(/^[a-z_]+$/),
  page: z.number().int().positive().optional(),
});
export type ParseWarning = z.infer<typeof ParseWarning>;

/** A document found inside another; its bytes lie in a file beside the parser until they are stored. */
export const FoundChild = z.strictObject({
  /** Where it was found, unique within its parent, e.g. `entry[3].resource.content[0]` or a member's name. */
  path: z.string().min(1).max(1024),
  fileName: z.string().max(255).nullable(),
  declaredType: z.string().max(255).nullable(),
  /** The file that holds the bytes, in the parser's scratch folder. */
  file: z.string(),
});
export type FoundChild = z.infer<typeof FoundChild>;

/** What a parser writes beside its summary, by kind. */
export interface ParsedRows {
  sections: Section[];
  pages: Page[];
}

/** What a parse run ends with. */
export const ParseSummary = z.strictObject({
  /** The format's name in the registry, e.g. `pdf`. */
  format: z.string(),
  mediaType: z.string(),
  header: Header,
  warnings: z.array(ParseWarning),
  sections: z.number().int().nonnegative(),
  pages: z.number().int().nonnegative(),
  /** Length of the display text in UTF-16 units. */
  length: z.number().int().nonnegative(),
});
export type ParseSummary = z.infer<typeof ParseSummary>;
