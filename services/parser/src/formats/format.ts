import type { Code, FoundChild, Header, Page, ParseWarning, Section } from "@sluice/contracts";

/** A file to read, already judged by its content. */
export interface Source {
  path: string;
  /** In bytes. */
  size: number;
  /** By content where that tells, e.g. `text/plain`; the declared type where content can't tell, e.g. `text/markdown`. */
  mediaType: string;
  /** As the sender said, parameters such as `charset` included. */
  declaredType: string | null;
}

/** What a format says of a section; ordinals, offsets and pages are the writer's. */
export interface SectionInput {
  text: string;
  title?: string | null;
  code?: Code | null;
  /** Depth of the heading, 1 where not given. */
  level?: number;
}

export interface ChildInput extends Pick<FoundChild, "path" | "fileName" | "declaredType"> {
  bytes: Uint8Array;
}

/** Where a format puts what it finds, in reading order. Await each call: it waits while the reader of the output is busy. */
export interface Output {
  section(section: SectionInput): Promise<void>;
  /** Begins page 1, 2, 3 …; the sections that follow are on it. */
  page(kind: Page["kind"]): Promise<void>;
  child(child: ChildInput): Promise<void>;
  warn(code: string, page?: number): void;
  /** Adds to the header; a field given twice keeps the later value. */
  header(header: Partial<Header>): void;
}

export interface Limits {
  maxPages: number;
  /** UTF-8 bytes of text and children a file may unpack to. */
  maxExpandedBytes: number;
  /** Levels of elements within elements. */
  maxDepth: number;
  maxChildren: number;
}

export const defaultLimits: Limits = {
  maxPages: 5_000,
  maxExpandedBytes: 512 * 1024 * 1024,
  maxDepth: 256,
  maxChildren: 10_000,
};

/** A kind of file that can be read: one file here, one line in the registry, one in @sluice/media's supported types. */
export interface Format {
  /** For metrics and the summary, e.g. `pdf`. */
  name: string;
  /** As the content is judged; the first is the canonical one. */
  mediaTypes: readonly string[];
  /** Other types senders declare for it, rightly enough not to warn. */
  aliases?: readonly string[];
  /** Fails with a `SluiceError`; anything else that is thrown means a damaged file. */
  parse(source: Source, out: Output, limits: Limits): Promise<void>;
}

/** Where a writer's output goes. Each call may wait: that is the backpressure. */
export interface Sink {
  section(section: Section): Promise<void>;
  page(page: Page): Promise<void>;
  child(child: Omit<FoundChild, "file">, bytes: Uint8Array): Promise<void>;
}

/** What a writer has seen when the file is at its end. */
export interface Totals {
  header: Header;
  warnings: ParseWarning[];
  sections: number;
  pages: number;
  children: number;
  length: number;
}
