import { SluiceError } from "@sluice/contracts";
import { drawings, readBiff } from "../reading/biff.js";
import { Compound } from "../reading/compound.js";
import { writeStorages } from "../reading/embedded.js";
import { writeArt } from "../reading/office-art.js";
import { wholeFile } from "../reading/whole-file.js";
import { writeSheet } from "../writing/sheets.js";
import type { Format } from "./format.js";

/** Workbooks of Excel 5 to 2003. */
export const xls: Format = {
  name: "xls",
  label: "Excel 97–2003 (XLS)",
  family: "cfb",
  recognise: async (probe) =>
    (await probe.cfbNames()).some((name) => name === "Workbook" || name === "Book") ? 10 : null,
  keeps:
    "A section a sheet, hidden ones said, its cells as a table: stored values of formulas, dates in ISO 8601; remarks, text boxes, page headers; embedded files, and pictures that are no ornaments, as children.",
  codes: ["document_encrypted"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/vnd.ms-excel"],
  aliases: [
    "application/msexcel",
    "application/x-msexcel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  ],
  async parse(source, out, limits) {
    const file = new Compound(await wholeFile(source, limits));
    const stream = file.find("Workbook") ?? file.find("Book");
    if (!stream) throw new SluiceError("document_corrupt");
    for (const { name, isHidden, rows, frozenRows, isSparse, around } of readBiff(stream)) {
      const hasRows = await writeSheet(out, name, rows, () => frozenRows);
      if (!hasRows && around.length === 0) continue;
      if (isHidden) out.warn("sheet_hidden");
      if (isSparse) out.warn("sheet_sparse");
      if (!hasRows) await out.begin({ title: name });
      for (const text of around) await out.text(text, "\n\n");
    }
    await writeStorages(file, /^MBD/, out);
    await writeArt([drawings(stream)], out);
  },
};
