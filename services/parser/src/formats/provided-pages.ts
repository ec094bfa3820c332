import { readFile } from "node:fs/promises";
import { SluiceError } from "@sluice/contracts";
import { z } from "zod";
import { cellsOf, headingOf } from "../reading/markdown-lines.js";
import type { Limits, Output } from "./format.js";

const Pages = z.array(z.object({ number: z.number().int().positive(), markdown: z.string().nullable() }));

/** Reads the pages that a provider made of a document, as Markdown, from a file of JSON; a page that it failed on is unreadable. */
export async function readProvidedPages(path: string, out: Output, limits: Limits): Promise<void> {
  const pages = Pages.parse(JSON.parse(await readFile(path, "utf8")));
  const last = pages.at(-1)?.number ?? 0;
  if (last > limits.maxPages) throw new SluiceError("limit_pages");
  out.pages(last);
  let next = 1;
  for (const { number, markdown } of pages) {
    // Pages that it left out are missed by the ledger of pages.
    if (number < next) continue;
    for (; next < number; next += 1) await out.page("unreadable");
    next += 1;
    const blank = markdown !== null && markdown.trim() === "";
    if (markdown === null) out.warn("page_unreadable", number);
    await out.page(markdown === null ? "unreadable" : blank ? "blank" : "text");
    if (markdown !== null && !blank) await writePage(markdown, out);
  }
}

/** Headings begin sections, tables become tables, the rest stays as it was written. */
async function writePage(markdown: string, out: Output): Promise<void> {
  await out.begin();
  let text: string[] = [];
  let rows: string[][] = [];
  const flush = async () => {
    if (rows.length > 0) await out.table({ headerRows: 1, rows, gap: "\n\n" });
    const block = text.join("\n").trim();
    if (block) await out.text(block, "\n\n");
    text = [];
    rows = [];
  };
  for (const line of markdown.split(/\r\n|\n|\r/)) {
    const heading = headingOf(line);
    const isRow = /^\s*\|.*\|\s*$/.test(line);
    if (heading) {
      await flush();
      await out.begin(heading);
      text.push(heading.title);
    } else if (isRow) {
      if (rows.length === 0) await flush();
      if (!/^[\s|:-]+$/.test(line)) rows.push(cellsOf(line).map((cell) => cell.replace(/<br\s*\/?>/gi, "; ")));
    } else {
      if (rows.length > 0) await flush();
      text.push(line);
    }
  }
  await flush();
}
