import {
  type Code,
  type Header,
  maxSectionLength,
  type Page,
  type ParseWarning,
  SluiceError,
  sectionSeparator,
} from "@sluice/contracts";
import { clean, cleanAll } from "./clean.js";
import type { ChildInput, Limits, Output, SectionInput, Sink, Totals } from "./format.js";
import { split } from "./split.js";

const maxWarnings = 200;
const maxLevel = 12;

/** Turns what formats say into rows: ordinals, offsets, page ranges, cuts, clean strings, limits. */
export class OutputWriter implements Output {
  readonly #sink: Sink;
  readonly #limits: Limits;
  readonly #header: Header = { title: null, type: null, language: null, patient: null, dates: [] };
  readonly #warnings: ParseWarning[] = [];
  #page: Page | null = null;
  #pages = 0;
  #sections = 0;
  #children = 0;
  #length = 0;
  #expanded = 0;

  constructor(sink: Sink, limits: Limits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  async section(input: SectionInput): Promise<void> {
    const title = clean(input.title ?? "").trim() || null;
    const code = input.code ? (cleanAll(input.code) as Code) : null;
    for (const text of split(clean(input.text), maxSectionLength)) {
      this.#expand(Buffer.byteLength(text));
      const start = this.#length === 0 ? 0 : this.#length + sectionSeparator.length;
      this.#length = start + text.length;
      if (this.#page) {
        if (this.#page.start === this.#page.end) this.#page.start = start;
        this.#page.end = this.#length;
      }
      const page = this.#page?.number ?? null;
      const level = Math.min(Math.max(input.level ?? 1, 1), maxLevel);
      await this.#sink.section({
        ordinal: this.#sections++,
        level,
        title,
        code,
        text,
        start,
        pageFrom: page,
        pageTo: page,
      });
    }
  }

  async page(kind: Page["kind"]): Promise<void> {
    await this.#closePage();
    this.#pages += 1;
    if (this.#pages > this.#limits.maxPages) throw new SluiceError("limit_pages");
    this.#page = { number: this.#pages, kind, start: this.#length, end: this.#length, confidence: null };
  }

  async child({ bytes, ...child }: ChildInput): Promise<void> {
    this.#children += 1;
    this.#expand(bytes.length);
    if (this.#children > this.#limits.maxChildren) throw new SluiceError("limit_expanded_size");
    await this.#sink.child(
      {
        path: clean(child.path).slice(0, 1024),
        fileName: child.fileName === null ? null : clean(child.fileName).slice(-255) || null,
        declaredType: child.declaredType === null ? null : clean(child.declaredType).slice(0, 255) || null,
      },
      bytes,
    );
  }

  warn(code: string, page?: number): void {
    const known = this.#warnings.some((warning) => warning.code === code && warning.page === page);
    if (!known && this.#warnings.length < maxWarnings) this.#warnings.push(page ? { code, page } : { code });
  }

  header(header: Partial<Header>): void {
    Object.assign(this.#header, cleanAll(header));
  }

  /** Ends the last page and says what there was. */
  async finish(): Promise<Totals> {
    await this.#closePage();
    return {
      header: this.#header,
      warnings: this.#warnings,
      sections: this.#sections,
      pages: this.#pages,
      children: this.#children,
      length: this.#length,
    };
  }

  async #closePage(): Promise<void> {
    if (this.#page) await this.#sink.page(this.#page);
    this.#page = null;
  }

  #expand(bytes: number): void {
    this.#expanded += bytes;
    if (this.#expanded > this.#limits.maxExpandedBytes) throw new SluiceError("limit_expanded_size");
  }
}
