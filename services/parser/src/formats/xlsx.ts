import { DrawingText } from "../reading/drawing-text.js";
import { writeEmbedded } from "../reading/embedded.js";
import { Package } from "../reading/package.js";
import { writePictures } from "../reading/package-pictures.js";
import { marginText, readWorkbook, type Sheet, SheetReader, type Workbook } from "../reading/xlsx.js";
import { Zip } from "../reading/zip.js";
import { blocksText } from "../writing/blocks.js";
import { writeSheet } from "../writing/sheets.js";
import type { Format, Output } from "./format.js";

/** Workbooks: a section a sheet, its cells as a table by their stored values. */
export const xlsx: Format = {
  name: "xlsx",
  label: "Excel (XLSX)",
  family: "zip",
  recognise: async (probe) => ((await probe.zipMembers()).some(({ name }) => isWorkbook(name)) ? 10 : null),
  keeps:
    "A section a sheet, hidden ones said, its cells as a table: stored values of formulas, dates in ISO 8601; remarks, text boxes, page headers; embedded files, and pictures that are no ornaments, as children.",
  codes: ["document_encrypted"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
  aliases: ["application/vnd.ms-excel", "application/vnd.ms-excel.sheet.macroenabled.12", "application/zip"],
  async parse(source, out, limits) {
    const zip = await Zip.open(source.path, limits);
    try {
      const files = new Package(zip, limits);
      const book = await readWorkbook(files, zip.members.find(({ name }) => isWorkbook(name))?.name ?? "");
      for (const sheet of book.sheets) await writeOne(files, book, sheet, out);
      await writeEmbedded(zip, "xl/", out, limits);
      await writePictures(files, out);
    } finally {
      zip.close();
    }
  },
};

function isWorkbook(name: string): boolean {
  return /^xl\/workbook\d*\.xml$/i.test(name);
}

async function writeOne(files: Package, book: Workbook, sheet: Sheet, out: Output): Promise<void> {
  const reader = new SheetReader(book);
  const rows = files.stream(sheet.part, reader, () => reader.take());
  const hasRows = await writeSheet(out, sheet.name, rows, () => reader.frozenRows);
  const around = [...new Set(reader.margins.map(marginText))].filter(Boolean);
  for (const { type, target } of (await files.relationships(sheet.part)).values()) {
    if (!/^(comments|threadedComment|drawing)$/.test(type)) continue;
    const text = new DrawingText();
    await files.read(target, text);
    const own = blocksText(text.flow.take()).trim();
    if (own) around.push(own);
  }
  if (reader.unvalued > 0) out.warn("formula_without_value");
  if (reader.isSparse) out.warn("sheet_sparse");
  if (sheet.isHidden && (hasRows || around.length > 0)) out.warn("sheet_hidden");
  if (around.length === 0) return;
  if (!hasRows) await out.begin({ title: sheet.name });
  for (const text of around) await out.text(text, "\n\n");
}
