import { maxSectionLength } from "@sluice/contracts";
import { charsetOf } from "../reading/declared.js";
import { fileEncoding, readText } from "../reading/encoding.js";
import { lines } from "../reading/lines.js";
import { cellsOf, headingOf } from "../reading/markdown-lines.js";
import type { Format, Gap, Output, RowInput } from "./format.js";

/** Headings (`# …`, or underlined) begin sections; the text stays as it was written. */
export const markdown: Format = {
  name: "markdown",
  label: "Markdown",
  family: "text",
  recognise: ({ mediaType, declared }) => (mediaType === "text/plain" && declared === "text/markdown" ? 5 : null),
  keeps: "Headings as sections, the text as it was written, tables with their cells.",
  codes: [],
  limits: ["maxExpandedBytes"],
  mediaTypes: ["text/markdown"],
  aliases: ["text/x-markdown", "text/plain"],
  async parse(source, out) {
    const encoding = await fileEncoding(source.path, charsetOf(source.declaredType));
    const writer = new MarkdownWriter(out);
    for await (const line of lines(readText(source.path, encoding))) await writer.line(line);
    await writer.end();
  },
};

const delimiterRow = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

class MarkdownWriter {
  readonly #out: Output;
  #pending = "";
  /** The last line, which the next one may make a heading or a table's head. */
  #previous = "";
  #fence: string | null = null;
  #rows: RowInput[] | null = null;
  #continues = false;
  /** What a table is set off by from the text before. */
  #gap: Gap = "\n";

  constructor(out: Output) {
    this.#out = out;
  }

  async line(line: string): Promise<void> {
    if (this.#rows) {
      if (line.includes("|") && line.trim()) {
        this.#rows.push({ cells: cellsOf(line), line });
        if (this.#rows.length > 200) await this.#endTable(true);
        return;
      }
      await this.#endTable(false);
    }
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark) this.#fence = this.#fence === null ? mark : mark.startsWith(this.#fence) ? null : this.#fence;
    const isText = this.#fence === null;
    const heading = isText ? headingOf(line) : null;
    const underline = isText && this.#previous.trim() ? /^ {0,3}(=+|-{3,})\s*$/.exec(line) : null;
    if (heading) {
      await this.#begin(heading.level, heading.title, line);
    } else if (isText && this.#previous.includes("|") && line.includes("-") && delimiterRow.test(line)) {
      const head = this.#previous;
      await this.#flush(this.#pending.slice(0, -head.length - 1));
      this.#rows = [
        { cells: cellsOf(head), line: head },
        { cells: [], line },
      ];
    } else if (underline && !this.#previous.includes("|")) {
      const title = this.#previous;
      this.#pending = this.#pending.slice(0, -title.length - 1);
      await this.#begin(underline[1]?.startsWith("=") ? 1 : 2, title.trim(), `${title}\n${line}`);
    } else {
      this.#pending += `${line}\n`;
      this.#previous = line;
      if (this.#pending.length > maxSectionLength * 4) await this.#flush(this.#pending);
    }
  }

  async end(): Promise<void> {
    if (this.#rows) await this.#endTable(false);
    await this.#flush(this.#pending);
  }

  async #begin(level: number, title: string, line: string): Promise<void> {
    await this.#flush(this.#pending);
    await this.#out.begin({ level, title: title || null });
    this.#pending = `${line}\n`;
    this.#previous = "";
  }

  async #flush(text: string): Promise<void> {
    this.#pending = "";
    this.#previous = "";
    if (!text.trim()) return;
    await this.#out.text(text, /^\s*\n/.test(text) ? "\n\n" : "\n");
    this.#gap = /\n\s*\n$/.test(text) ? "\n\n" : "\n";
  }

  async #endTable(goesOn: boolean): Promise<void> {
    await this.#out.table({ rows: this.#rows ?? [], headerRows: 1, continues: this.#continues, gap: this.#gap });
    this.#gap = "\n";
    this.#rows = goesOn ? [] : null;
    this.#continues = goesOn;
  }
}
