import {
  type DocumentDate,
  type Fact,
  type Identifier,
  type Page,
  type PatientIdentity,
  type RecognisedPage,
  type Relation,
  SluiceError,
} from "@sluice/contracts";
import type {
  ChildInput,
  FactInput,
  Gap,
  HeaderFields,
  Limits,
  Output,
  PageDetails,
  Placed,
  PlacedPage,
  PlacedTable,
  SectionHead,
  SectionInput,
  Sink,
  TableInput,
  Totals,
} from "../formats/format.js";
import { type Recognition, RecognitionNeeded } from "../recognition/recogniser.js";
import { clean, cleanAll, clip } from "./clean.js";
import { DisplayText } from "./display-text.js";
import { HeaderBuilder } from "./header-builder.js";
import { IdentityWatch } from "./identity-watch.js";
import { Tables } from "./tables.js";
import { Warnings } from "./warnings.js";

const maxPath = 1_024;
const maxName = 255;
const maxFactLength = 4_000;

/** Turns what formats say into rows: ordinals, places, page ranges, cuts, clean strings, limits. */
export class OutputWriter implements Output {
  readonly #sink: Sink;
  readonly #limits: Limits;
  readonly #recognition: Recognition;
  readonly #text: DisplayText;
  readonly #tables: Tables;
  readonly #header = new HeaderBuilder();
  readonly #warnings = new Warnings();
  readonly #identities = new IdentityWatch();
  /** How often each path was given, and those that were made from them. */
  readonly #paths = new Map<string, number>();
  #pages = 0;
  #announcedPages = 0;
  #facts = 0;
  #children = 0;
  #expanded = 0;
  #recognitionNeeded = false;

  constructor(sink: Sink, limits: Limits, recognition: Recognition = { kind: "none" }) {
    this.#sink = sink;
    this.#limits = limits;
    this.#recognition = recognition;
    this.#text = new DisplayText(
      (section) => {
        this.#identities.see(section.text);
        return sink.row("sections", section);
      },
      (text) => this.#expand(Buffer.byteLength(text)),
    );
    this.#tables = new Tables(this.#text, (table) => sink.row("tables", table));
  }

  async section({ text, ...head }: SectionInput): Promise<Placed> {
    await this.#text.begin(head);
    const placed = await this.#text.place(text, "\n");
    await this.#text.end();
    return placed;
  }

  begin(head: SectionHead = {}): Promise<void> {
    return this.#text.begin(head);
  }

  text(text: string, gap: Gap = "\n"): Promise<Placed> {
    return this.#text.place(text, gap);
  }

  table(table: TableInput): Promise<PlacedTable> {
    return this.#tables.place(table);
  }

  async page(kind: Page["kind"], details: PageDetails = {}): Promise<PlacedPage> {
    if (this.#recognitionNeeded) throw new RecognitionNeeded();
    await this.#closePage();
    this.#pages += 1;
    if (this.#pages > this.#limits.maxPages) throw new SluiceError("limit_pages");
    const { length } = this.#text;
    this.#text.page = { number: this.#pages, kind, start: length, end: length, details, lines: [], found: 0 };
    return this.#text.page;
  }

  pages(total: number): void {
    this.#announcedPages = total;
  }

  async fact({ evidence = null, ...input }: FactInput): Promise<void> {
    const text = clip(clean(input.text).trim(), maxFactLength);
    if (!text) return;
    const blank = { codes: [], value: null, unit: null, range: null, flag: null, status: null, effective: null };
    const fact: Fact = {
      ...blank,
      patient: null,
      ...cleanAll(input, maxFactLength),
      text,
      ordinal: this.#facts++,
      evidence: null,
    };
    if (evidence && evidence.end > evidence.start) fact.evidence = { start: evidence.start, end: evidence.end };
    await this.#sink.row("facts", fact);
  }

  async child({ bytes, ...child }: ChildInput): Promise<void> {
    this.#children += 1;
    if (this.#children > this.#limits.maxChildren) throw new SluiceError("limit_members");
    await this.#sink.child(
      {
        path: this.#uniquePath(clean(child.path)),
        fileName: child.fileName === null ? null : fileName(clean(child.fileName)) || null,
        declaredType: child.declaredType === null ? null : clip(clean(child.declaredType), maxName) || null,
      },
      this.#counted(bytes),
    );
  }

  warn(code: string, page?: number): void {
    this.#warnings.add(code, page);
  }

  header(fields: HeaderFields): void {
    this.#header.set(fields);
  }

  patient(identity: PatientIdentity): number | null {
    return this.#header.patient(identity);
  }

  aboutMany(): void {
    this.#header.isAboutMany = true;
  }

  date(date: DocumentDate): void {
    this.#header.date(date);
  }

  identifier(identifier: Identifier): void {
    this.#header.identifier(identifier);
  }

  relation(relation: Relation): void {
    this.#header.relation(relation);
  }

  async recognise({ number, picture }: Parameters<Output["recognise"]>[0]): Promise<RecognisedPage | null> {
    const recognition = this.#recognition;
    if (recognition.kind === "none") return null;
    if (recognition.kind === "elsewhere") {
      // Remembered, as a format may take what is thrown for a damaged page.
      this.#recognitionNeeded = true;
      throw new RecognitionNeeded();
    }
    const { recogniser, pages, signal } = recognition;
    const known = await pages.find(recogniser.engine, number);
    if (known) return known;
    const page = cleanAll(await recogniser.recognise(await picture(), signal));
    await pages.keep(recogniser.engine, number, page);
    return page;
  }

  /** Ends the last section and page and says what there was. */
  async finish(): Promise<Totals> {
    if (this.#recognitionNeeded) throw new RecognitionNeeded();
    await this.#text.end();
    await this.#closePage();
    if (this.#announcedPages > this.#pages) this.warn("pages_missing");
    const header = this.#header.result();
    // Where fields say whom it is about, they are believed, unless the text says that it is about somebody else.
    const isStack = header.patients.length === 0 && this.#identities.conflict();
    const isOther = !this.#header.isAboutMany && this.#identities.contradicts(header.patients);
    if (isStack || isOther || this.#header.hasIdentityConflict()) this.warn("identity_conflict");
    if (this.#header.isTruncated) this.warn("header_truncated");
    return {
      header,
      warnings: this.#warnings.list(),
      counts: { sections: this.#text.sections, pages: this.#pages, tables: this.#tables.count, facts: this.#facts },
      children: this.#children,
      length: this.#text.length,
    };
  }

  async #closePage(): Promise<void> {
    const page = this.#text.page;
    this.#text.page = null;
    if (!page) return;
    const { number, kind, start, end, details, lines } = page;
    const { confidence = null, rotation = null } = details;
    await this.#sink.row("pages", {
      number,
      kind,
      start,
      end,
      confidence,
      lines: details.lines ? lines : null,
      rotation,
    });
  }

  /** Two members of one name are two children, also when only their beginnings fit. */
  #uniquePath(given: string): string {
    const base = clip(given, maxPath) || "child";
    let path = base;
    let count = this.#paths.get(base) ?? 0;
    while (this.#paths.has(path)) path = `${clip(base, maxPath - 8)}#${++count}`;
    this.#paths.set(base, Math.max(count, 1)).set(path, 1);
    return path;
  }

  async *#counted(bytes: ChildInput["bytes"]): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      this.#expand(chunk.length);
      yield chunk;
    }
  }

  #expand(bytes: number): void {
    this.#expanded += bytes;
    if (this.#expanded > this.#limits.maxExpandedBytes) throw new SluiceError("limit_expanded_size");
  }
}

/** The end of a name says what it is. */
function fileName(name: string): string {
  return name.length <= maxName ? name : name.slice(-maxName).replace(/^[\udc00-\udfff]/, "");
}
