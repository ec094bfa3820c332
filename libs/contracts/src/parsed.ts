import { z } from "zod";

/**
 * What a parser makes of a file, whatever the file was: a stream of rows of a few kinds, so that a document of any length
 * passes through in bounded memory, and a summary. The order of sections is the reading order.
 *
 * The schemas pass over keys they don't know, as rows may have been written by a newer build; `WrittenRows` and
 * `WrittenSummary` are the same without that tolerance, for what is written.
 */

/** A coded concept: system as URI or OID, code, and the source's own display. */
export const Code = z.object({ system: z.string(), code: z.string(), display: z.string().optional() });
export type Code = z.infer<typeof Code>;

const ordinal = z.number().int().nonnegative();
const offset = z.number().int().nonnegative();
const pageNumber = z.number().int().positive();
const confidence = z.number().min(0).max(1);

/** UTF-16 offsets [start, end) over the display text. */
export const TextRange = z.object({ start: offset, end: offset });
export type TextRange = z.infer<typeof TextRange>;

export const Section = z.object({
  /** 0, 1, 2 … through the document. */
  ordinal,
  /** Depth of the heading: 1 is a top-level section. */
  level: z.number().int().min(1).max(12),
  title: z.string().nullable(),
  code: Code.nullable(),
  /** Display text, at most `maxSectionLength` UTF-16 units; never empty. */
  text: z.string().min(1),
  /** UTF-16 offset of `text` in the display text (sections joined by a blank line). */
  start: offset,
  /** First and last page, 1-based, where the source has pages. */
  pageFrom: pageNumber.nullable(),
  pageTo: pageNumber.nullable(),
});
export type Section = z.infer<typeof Section>;

/** What stands between the texts of two sections in the display text. */
export const sectionSeparator = "\n\n";
/** Longer sections are cut at a paragraph, line or word into several rows with the same title and code. */
export const maxSectionLength = 32_768;

export const Page = z.object({
  number: pageNumber,
  /** text: has a text layer · ocr: recognised · image: pixels without text, not recognised · blank: neither · unreadable: damaged */
  kind: z.enum(["text", "ocr", "image", "blank", "unreadable"]),
  /** UTF-16 range [start, end) over the display text; empty where the page gave no text. */
  start: offset,
  end: offset,
  /** Of a recognised page. */
  confidence: confidence.nullable(),
  /** A recognised page's lines: [start, end, confidence], the range over the display text. */
  lines: z.array(z.tuple([offset, offset, confidence])).nullable(),
  /** Degrees clockwise by which a recognised page was turned to stand upright. */
  rotation: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]).nullable(),
});
export type Page = z.infer<typeof Page>;

/** A table of the document; a long one comes in several rows of this kind, each with the same title and header. */
export const Table = z.object({
  ordinal,
  /** Ordinal of the section it begins in. */
  section: ordinal,
  title: z.string().nullable(),
  /** How many of the first rows are headings. */
  headerRows: z.number().int().nonnegative(),
  /** The cells as the source has them, and where the row stands in the display text. */
  rows: z.array(z.object({ cells: z.array(z.string()), start: offset, end: offset })),
  pageFrom: pageNumber.nullable(),
  pageTo: pageNumber.nullable(),
});
export type Table = z.infer<typeof Table>;

const precisions = ["year", "month", "day", "minute", "second"] as const;

/** A point in time as exactly as the source gives it. `value` is ISO 8601, cut to its precision. */
export const Moment = z.object({ value: z.string(), precision: z.enum(precisions) });
export type Moment = z.infer<typeof Moment>;

export const factKinds = ["problem", "medication", "allergy", "result", "vital", "procedure", "immunization"] as const;
export type FactKind = (typeof factKinds)[number];

/** A statement that the source makes in codes or fields, with the evidence for it. */
export const Fact = z.object({
  ordinal,
  kind: z.enum(factKinds),
  /** What a person would read. */
  text: z.string().min(1),
  codes: z.array(Code),
  value: z.string().nullable(),
  unit: z.string().nullable(),
  /** The reference range, as the source writes it. */
  range: z.string().nullable(),
  flag: z.string().nullable(),
  status: z.string().nullable(),
  effective: Moment.nullable(),
  /** Where the display text says it. */
  evidence: TextRange.nullable(),
  /** The exact place in the source: `OBX[3]`, `entry[2].resource`, an XPath. */
  source: z.string(),
  /** Whom it is about: index into the header's patients. */
  patient: z.number().int().nonnegative().nullable(),
});
export type Fact = z.infer<typeof Fact>;

/** The kinds of rows a parse gives. A new kind is a schema here and an insert in `sluice_put_parsed`. */
const kinds = { sections: Section, pages: Page, tables: Table, facts: Fact };
export type RowKind = keyof typeof kinds;
export const rowKinds = Object.keys(kinds) as RowKind[];

/**
 * Text as it is searched and embedded: compatibility forms (ligatures, full-width digits) as what they stand for, without invisible
 * marks within words. What is displayed stays as the document has it. The same as sluice.for_search in SQL.
 */
export function forSearch(text: string): string {
  return text.normalize("NFKC").replace(/[\u00ad\u200b-\u200d\u2060\ufeff]/g, "");
}

/** A passage with the context that stands before it, as it is embedded (in searched form). */
export function withPrefix(prefix: string, text: string): string {
  return prefix === "" ? text : `${prefix}\n${text}`;
}

/** Rows by kind. */
export type ParsedRows = { [K in RowKind]: z.infer<(typeof kinds)[K]>[] };
/** How many rows of each kind. */
export const RowCounts = z.object({ sections: ordinal, pages: ordinal, tables: ordinal, facts: ordinal });
export type RowCounts = z.infer<typeof RowCounts>;

export function noRows(): ParsedRows {
  return { sections: [], pages: [], tables: [], facts: [] };
}

export const WrittenRows = z.strictObject({
  sections: z.array(Section.extend({ code: Code.strict().nullable() }).strict()),
  pages: z.array(Page.strict()),
  tables: z.array(Table.strict()),
  facts: z.array(Fact.extend({ codes: z.array(Code.strict()) }).strict()),
});

/** A date of the document with where in the source it was found. */
export const DocumentDate = z.object({
  kind: z.enum(["service", "authored", "received"]),
  value: z.string(),
  precision: z.enum(precisions),
  origin: z.string(),
});
export type DocumentDate = z.infer<typeof DocumentDate>;

/** Who the document says it is about. */
export const PatientIdentity = z.object({
  /** `type`: the source's word for it, e.g. `MR`. */
  identifiers: z.array(z.object({ authority: z.string(), value: z.string(), type: z.string().optional() })),
  names: z.array(z.string()),
  birthDate: z.string().nullable(),
  sex: z.string().nullable(),
});
export type PatientIdentity = z.infer<typeof PatientIdentity>;

/** A number that something has in some system: the document's own, or another one's. */
export const Identifier = z.object({ system: z.string(), value: z.string() });
export type Identifier = z.infer<typeof Identifier>;

/** What this document does to another one. */
export const Relation = z.object({
  kind: z.enum(["replaces", "appends", "withdraws", "corrects", "cancels"]),
  target: Identifier,
  /** The place in the source that says so. */
  source: z.string(),
});
export type Relation = z.infer<typeof Relation>;

/** The visit or stay that the document belongs to. */
export const Encounter = z.object({
  id: z.string().nullable(),
  class: z.string().nullable(),
  start: Moment.nullable(),
  end: Moment.nullable(),
  facility: z.string().nullable(),
});
export type Encounter = z.infer<typeof Encounter>;

export const documentStatuses = [
  "preliminary",
  "original",
  "final",
  "appended",
  "corrected",
  "cancelled",
  "entered_in_error",
  "superseded",
] as const;
/** How far the document is, in one set of words, and the source's own code for it. */
export const DocumentStatus = z.object({ value: z.enum(documentStatuses), source: z.string() });
export type DocumentStatus = z.infer<typeof DocumentStatus>;

/** The document's own statements about itself. */
export const Header = z.object({
  title: z.string().nullable(),
  type: Code.nullable(),
  language: z.string().nullable(),
  /** Each is somebody else, as far as the identifiers tell; facts name them by their place here. */
  patients: z.array(PatientIdentity),
  dates: z.array(DocumentDate),
  encounter: Encounter.nullable(),
  /** Set id, order and accession numbers, FHIR identifiers … of the document itself. */
  identifiers: z.array(Identifier),
  version: z.string().nullable(),
  status: DocumentStatus.nullable(),
  relations: z.array(Relation),
});
export type Header = z.infer<typeof Header>;

export function emptyHeader(): Header {
  return {
    title: null,
    type: null,
    language: null,
    patients: [],
    dates: [],
    encounter: null,
    identifiers: [],
    version: null,
    status: null,
    relations: [],
  };
}

/** Warnings are codes, never text from the document. `count`: how often in all, where not every page is listed. */
export const ParseWarning = z.object({
  code: z.string().regex(/^[a-z_]+$/),
  page: pageNumber.optional(),
  count: z.number().int().positive().optional(),
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

/** What a parse run ends with. */
export const ParseSummary = z.object({
  /** The format's name in the registry, e.g. `pdf`. */
  format: z.string(),
  mediaType: z.string(),
  header: Header,
  warnings: z.array(ParseWarning),
  counts: RowCounts,
  /** Length of the display text in UTF-16 units. */
  length: z.number().int().nonnegative(),
});
export type ParseSummary = z.infer<typeof ParseSummary>;
export const WrittenSummary = ParseSummary.extend({
  header: Header.strict(),
  warnings: z.array(ParseWarning.strict()),
  counts: RowCounts.strict(),
}).strict();

/** A page that was recognised: what is kept of it, so that no worker has to do it again. */
export const RecognisedPage = z.object({
  /** ocr: it has text · blank: there is nothing on it · unreadable: there is something, and none of it is legible text */
  kind: z.enum(["ocr", "blank", "unreadable"]),
  text: z.string(),
  /** The text's lines in its order, `bbox` [left, top, right, bottom] in pixels of the upright page. */
  lines: z.array(
    z.object({
      text: z.string(),
      confidence,
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable(),
    }),
  ),
  rotation: Page.shape.rotation.unwrap(),
  confidence,
});
export type RecognisedPage = z.infer<typeof RecognisedPage>;
