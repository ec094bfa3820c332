import { readRtf } from "../reading/rtf.js";
import { wholeFile } from "../reading/whole-file.js";
import { writeSection } from "../writing/blocks.js";
import type { Format } from "./format.js";
import { writeHtml } from "./html.js";

/** Rich text, as word processors and many record systems export it. */
export const rtf: Format = {
  name: "rtf",
  label: "RTF",
  family: "rtf",
  recognise: () => 10,
  keeps:
    "Page headers, the body by headings, tables with their cells, foot- and endnotes, remarks, page footers, in any code page; not its pictures and objects.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth"],
  mediaTypes: ["application/rtf"],
  aliases: ["text/rtf", "application/x-rtf", "text/richtext", "application/msword"],
  async parse(source, out, limits) {
    const { title, sections, html, pictures, objects, isCut } = readRtf(
      await wholeFile(source, limits),
      limits.maxDepth,
    );
    if (isCut) out.warn("file_cut_short");
    if (pictures > 0) out.warn("picture_skipped");
    if (objects > 0) out.warn("embedded_object_skipped");
    if (title) out.header({ title });
    if (html === null) for (const section of sections) await writeSection(out, section);
    else await writeHtml([html], out);
  },
};
