import type { Code, Section } from "@sluice/contracts";

/** [start, end) in UTF-16 units. */
export type Range = readonly [start: number, end: number];

/** A table's rows as they stand in the display text. */
export interface SourceTable {
  title: string | null;
  headerRows: number;
  rows: Range[];
}

/** A section with what is needed to cut it well. */
export interface Source extends Section {
  /** Tables that begin in it. */
  tables?: SourceTable[] | undefined;
  /** Where its pages stand, when it has more than one: number, start, end. */
  pages?: [number: number, start: number, end: number][] | undefined;
}

/** What of a document's header may stand before its passages, and what may not. */
export interface DocumentContext {
  format: string | null;
  mediaType: string | null;
  title: string | null;
  type: Code | null;
  /** Names and numbers of people: what holds one of them is not repeated. */
  identities: string[];
  /** Keys of the one patient it is about; none when it is about nobody or several. */
  patientKeys: string[];
}

/** A stretch of text on its way to becoming a chunk. */
export interface Draft {
  start: number;
  end: number;
  text: string;
  prefix: string;
  sectionOrdinal: number;
  /** The last of several short sections that were joined. */
  sectionTo: number;
  pageFrom: number | null;
  pageTo: number | null;
  code: Code | null;
  /** A heading within the section that it stands under, and where that is. */
  heading: { title: string; start: number } | null;
}
