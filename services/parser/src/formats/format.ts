import type {
  Code,
  DocumentDate,
  ErrorCode,
  Fact,
  FoundChild,
  Header,
  Identifier,
  Page,
  ParsedRows,
  ParseWarning,
  PatientIdentity,
  RecognisedPage,
  Relation,
  RowCounts,
  RowKind,
  TextRange,
} from "@sluice/contracts";
import type { Family } from "@sluice/media";
import type { Picture } from "../picture/picture.js";
import type { Probe } from "./probe.js";

/** A file to read, already judged by its content. */
export interface Source {
  path: string;
  /** In bytes. */
  size: number;
  /** The format's first media type, or the one of its media types that the content shows. */
  mediaType: string;
  /** As the sender said, parameters such as `charset` included. */
  declaredType: string | null;
}

/** What a format says of a section; ordinals, offsets and pages are the writer's. */
export interface SectionHead {
  title?: string | null;
  code?: Code | null;
  /** Depth of the heading, 1 where not given. */
  level?: number;
}

export interface SectionInput extends SectionHead {
  text: string;
}

/** What stands between a block and the one before it in the same section. */
export type Gap = "" | " " | "\n" | "\n\n";

/** Where something that was written stands in the display text; to be given as a fact's evidence. */
export interface Placed extends TextRange {
  /** The range of a part of what was given, by offsets into it as it was given. */
  at(from: number, to: number): TextRange;
}

/** A row's cells; with the line they stand in, where the display text keeps that as it was written. A line may have no cells. */
export type RowInput = readonly string[] | { cells: readonly string[]; line: string };

export interface TableInput {
  title?: string | null;
  /** How many of the first rows are headings. */
  headerRows?: number;
  rows: Iterable<RowInput> | AsyncIterable<RowInput>;
  /** Goes on with the table before it, whose title and heading rows it shares. */
  continues?: boolean;
  gap?: Gap;
}

export interface PlacedTable extends TextRange {
  /** The range of a row, counted as it was given; null for one without words, which is left out. */
  row(index: number): TextRange | null;
}

/** What is known of a page beside its kind; a `RecognisedPage` fits. */
export interface PageDetails {
  confidence?: number | null;
  /** In the order of the text that will be written to the page, where the writer finds them again. */
  lines?: readonly { text: string; confidence: number }[] | null;
  rotation?: Page["rotation"];
}

/** A page of the source; its end is where its text has got to. */
export interface PlacedPage extends TextRange {
  readonly number: number;
}

type FactDetail = Omit<Fact, "ordinal" | "kind" | "text" | "source" | "evidence">;

export interface FactInput extends Pick<Fact, "kind" | "text" | "source">, Partial<FactDetail> {
  /** What `text`, `table(…).row` or `section` answered. */
  evidence?: TextRange | null;
}

export interface ChildInput extends Pick<FoundChild, "path" | "fileName" | "declaredType"> {
  /** Counted against the limits while they are written to disk. */
  bytes: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What the document says of itself once; patients, dates, identifiers and relations have calls of their own. */
export type HeaderFields = Partial<Pick<Header, "title" | "type" | "language" | "encounter" | "version" | "status">>;

/**
 * Where a format puts what it finds, in reading order. Await each call: it waits while the reader of the output is busy.
 *
 * A section is written at once (`section`), or begun and then filled by `text` and `table`, each a block below the one before;
 * the next `begin` or `section` ends it. Pages may begin anywhere, within a section as well.
 */
export interface Output {
  section(section: SectionInput): Promise<Placed>;
  begin(head?: SectionHead): Promise<void>;
  /** A block of text in the section that is open; `gap` is what sets it off from the block before, a line break where not said. */
  text(text: string, gap?: Gap): Promise<Placed>;
  /** A table in the section that is open, a line a row. Rows are handed on as they come. */
  table(table: TableInput): Promise<PlacedTable>;
  /** Begins page 1, 2, 3 …; what follows is on it. */
  page(kind: Page["kind"], details?: PageDetails): Promise<PlacedPage>;
  /** How many pages the source says it has: the ledger warns when they are not all there. */
  pages(total: number): void;
  fact(fact: FactInput): Promise<void>;
  child(child: ChildInput): Promise<void>;
  warn(code: string, page?: number): void;
  /** Adds to the header; a field given twice keeps the later value. */
  header(fields: HeaderFields): void;
  /** Adds somebody the document is about. Answers the place among the header's patients, for facts; null when nothing is known of them. */
  patient(identity: PatientIdentity): number | null;
  /** The file is a collection about many people, as an export is: that they are several is no conflict. */
  aboutMany(): void;
  date(date: DocumentDate): void;
  identifier(identifier: Identifier): void;
  relation(relation: Relation): void;
  /**
   * Recognises a page's text. Null where this deployment has no recogniser; the page is then an `image`. In the queue of text
   * documents it does not return: the run ends, and begins anew in the queue `ocr`. The picture is asked for only when it is needed.
   */
  recognise(page: { number: number; picture: () => Promise<Picture> }): Promise<RecognisedPage | null>;
}

export interface Limits {
  maxPages: number;
  /** UTF-8 bytes of text and children a file may unpack to. */
  maxExpandedBytes: number;
  /** Pixels of one page's picture. */
  maxPixels: number;
  /** Levels of elements within elements. */
  maxDepth: number;
  maxChildren: number;
}

export const defaultLimits: Limits = {
  maxPages: 5_000,
  maxExpandedBytes: 512 * 1024 * 1024,
  maxPixels: 80_000_000,
  maxDepth: 256,
  maxChildren: 10_000,
};

/** A kind of file that can be read: one file here, one line in the registry, one in @sluice/media's list of what is taken in. */
export interface Format {
  /** For metrics and the summary, e.g. `pdf`. */
  name: string;
  /** What people call it. */
  label: string;
  family: Family;
  /**
   * How surely a file of the family is of this format: null when it is not, 1 for the reader of what is left over, 10 where a mark
   * says so, more where it says more. The highest wins. What the file's directory or root can't be asked for is thrown.
   */
  recognise(probe: Probe): number | null | Promise<number | null>;
  /** What files of it are called; the first is the canonical one. */
  mediaTypes: readonly string[];
  /** Other types senders declare for it, rightly enough not to warn. */
  aliases?: readonly string[];
  /** For the docs: what of such a file is kept, in a sentence. */
  keeps: string;
  /** For the docs: how reading it can fail, beside what can happen to any file. */
  codes: readonly ErrorCode[];
  /** For the docs: the limits that it can meet. */
  limits: readonly (keyof Limits)[];
  /** Fails with a `SluiceError`; what libraries throw means a damaged file, what this code throws otherwise is a fault of ours. */
  parse(source: Source, out: Output, limits: Limits): Promise<void>;
}

/** Where a writer's output goes. Each call may wait: that is the backpressure. */
export interface Sink {
  row<K extends RowKind>(kind: K, row: ParsedRows[K][number]): Promise<void>;
  child(child: Omit<FoundChild, "file">, bytes: AsyncIterable<Uint8Array>): Promise<void>;
}

/** What a writer has seen when the file is at its end. */
export interface Totals {
  header: Header;
  warnings: ParseWarning[];
  counts: RowCounts;
  children: number;
  length: number;
}
