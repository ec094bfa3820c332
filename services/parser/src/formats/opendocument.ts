import { SluiceError } from "@sluice/contracts";
import { OdfRows, OdfText } from "../reading/odf.js";
import { OdfLists } from "../reading/odf-lists.js";
import { OdfStyles } from "../reading/odf-styles.js";
import { Package } from "../reading/package.js";
import { writePictures } from "../reading/package-pictures.js";
import type { XmlHandler } from "../reading/xml.js";
import { Zip } from "../reading/zip.js";
import { blocksText, writeSection } from "../writing/blocks.js";
import { writeSheet } from "../writing/sheets.js";
import type { Format, Output } from "./format.js";
import type { Probe } from "./probe.js";

const prefix = "application/vnd.oasis.opendocument.";

/** OpenDocument files: text and presentations by headings and slides, spreadsheets by sheets. */
export const opendocument: Format = {
  name: "opendocument",
  label: "OpenDocument",
  family: "zip",
  recognise: async (probe) => ((await isOpenDocument(probe)) ? 10 : null),
  keeps:
    "Page headers, text by headings, lists, tables with their cells, notes and remarks, page footers; a page a slide; a section a sheet, hidden ones said, dates in ISO 8601. Pictures that are no ornaments as children, no objects.",
  codes: ["document_encrypted"],
  limits: ["maxPages", "maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: [`${prefix}text`, `${prefix}spreadsheet`, `${prefix}presentation`],
  aliases: ["text", "spreadsheet", "presentation"].map((kind) => `${prefix}${kind}-template`).concat("application/zip"),
  async parse(source, out, limits) {
    const zip = await Zip.open(source.path, limits);
    try {
      const files = new Package(zip, limits);
      if (await isSpreadsheet(files)) await writeSheets(files, out);
      else await writeText(files, out);
      await writePictures(files, out);
    } finally {
      zip.close();
    }
  },
};

async function writeText(files: Package, out: Output): Promise<void> {
  const [lists, styles] = [new OdfLists(), new OdfStyles()];
  for (const part of ["styles.xml", "content.xml"]) await files.read(part, both(lists, styles));
  const body = new OdfText(lists, styles);
  await files.read("content.xml", body);
  const { headers, footers } = await margins(files, styles);
  for (const text of headers) await out.section({ text });
  for (const section of body.take()) {
    if (section.isPage) await out.page(blocksText(section.blocks).trim() ? "text" : "blank");
    await writeSection(out, section);
  }
  for (const text of footers) await out.section({ text });
}

/** Reads a part for two at once. */
function both(one: XmlHandler, other: XmlHandler): XmlHandler {
  return {
    open(name, attributes) {
      one.open(name, attributes);
      other.open(name, attributes);
    },
    text() {},
    close(name) {
      one.close(name);
      other.close(name);
    },
  };
}

async function writeSheets(files: Package, out: Output): Promise<void> {
  const styles = new OdfStyles();
  await files.read("styles.xml", styles);
  const reader = new OdfRows(styles);
  const rows = files.stream("content.xml", reader, () => reader.take());
  let next = await rows.next();
  while (!next.done) {
    const { sheet, isHidden } = next.value;
    if (isHidden) out.warn("sheet_hidden");
    const own = async function* () {
      for (; !next.done && next.value.sheet === sheet; next = await rows.next()) yield next.value.cells;
    };
    await writeSheet(out, sheet, own());
  }
  if (reader.isSparse) out.warn("sheet_sparse");
}

async function isOpenDocument(probe: Probe): Promise<boolean> {
  const names = (await probe.zipMembers()).map(({ name }) => name);
  return names.includes("content.xml") && (names.includes("META-INF/manifest.xml") || names.includes("mimetype"));
}

/** Whether it is one, as its manifest says; which alone tells that parts are locked. */
async function isSpreadsheet(files: Package): Promise<boolean> {
  let isLocked = files.zip.members.some(({ encrypted }) => encrypted);
  const stated = files.find("mimetype");
  let type = stated && !isLocked ? await files.text(stated) : "";
  await files.read("META-INF/manifest.xml", {
    open(name, attributes) {
      if (name === "encryption-data") isLocked = true;
      if (name === "file-entry" && attributes["full-path"] === "/") type ||= attributes["media-type"] ?? "";
    },
    text() {},
    close() {},
  });
  if (isLocked) throw new SluiceError("document_encrypted");
  return type.includes("spreadsheet");
}

/** Headers and footers of pages, each said once. */
async function margins(files: Package, styles: OdfStyles): Promise<{ headers: Set<string>; footers: Set<string> }> {
  const [headers, footers] = [new Set<string>(), new Set<string>()];
  let open: { text: OdfText; into: Set<string> } | null = null;
  await files.read("styles.xml", {
    open(name, attributes) {
      const into = /^header(-left|-first)?$/.test(name)
        ? headers
        : /^footer(-left|-first)?$/.test(name)
          ? footers
          : null;
      if (into && !open) open = { text: new OdfText(new OdfLists(), styles), into };
      else open?.text.open(name, attributes);
    },
    text: (text) => open?.text.text(text),
    close(name) {
      if (!/^(header|footer)(-left|-first)?$/.test(name)) {
        open?.text.close(name);
        return;
      }
      const text = open?.text
        .take()
        .map(({ blocks }) => blocksText(blocks))
        .join("\n")
        .trim();
      if (text) open?.into.add(text);
      open = null;
    },
  });
  return { headers, footers };
}
