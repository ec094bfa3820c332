import { SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import { writeEmbedded } from "../reading/embedded.js";
import { readMime } from "../reading/mime.js";
import { Package } from "../reading/package.js";
import { writePictures } from "../reading/package-pictures.js";
import { readRtf } from "../reading/rtf.js";
import { WordNumbering } from "../reading/word-numbering.js";
import { WordReader } from "../reading/word-reader.js";
import { type WordStyles, wordStyles } from "../reading/word-styles.js";
import { readXml } from "../reading/xml.js";
import { Zip, type ZipMember } from "../reading/zip.js";
import { blocksText, writeSection } from "../writing/blocks.js";
import type { Format, Limits, Output } from "./format.js";
import { writeHtml } from "./html.js";

/** Word documents: page headers, body by headings, footnotes, comments, footers; embedded files as children. */
export const docx: Format = {
  name: "docx",
  label: "Word (DOCX)",
  family: "zip",
  recognise: async (probe) => ((await probe.zipMembers()).some(({ name }) => isBody(name)) ? 10 : null),
  keeps:
    "Page headers, body by headings, lists with their numbers, tables with their cells, text boxes, text included from other formats, foot- and endnotes, comments, page footers; embedded files, and pictures that are no ornaments, as children; no deleted text.",
  codes: ["document_encrypted", "document_type_unsupported"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  aliases: ["application/msword", "application/vnd.ms-word.document.macroenabled.12", "application/zip"],
  async parse(source, out, limits) {
    const zip = await Zip.open(source.path, limits);
    try {
      const files = new Package(zip, limits);
      const body = mainPart(zip);
      const xml = (member: ZipMember) => files.text(member);
      const folder = body.name.slice(0, body.name.lastIndexOf("/") + 1);
      const styles = zip.find(`${folder}styles.xml`);
      const numbering = new WordNumbering();
      await files.read(`${folder}numbering.xml`, numbering);
      const known = styles ? await wordStyles(await xml(styles), limits.maxDepth) : noStyles;
      const reader = new WordReader(known, numbering);
      const seen = new Set<string>();
      for (const member of [
        ...parts(zip, "header"),
        body,
        ...parts(zip, "footnotes", "endnotes", "comments", "footer"),
      ]) {
        const included = await inclusions(files, member.name);
        await readXml([await xml(member)], reader, limits.maxDepth);
        for (const section of reader.take()) {
          if ("inclusion" in section) {
            const part = included.get(section.inclusion);
            if (part) await include(files, part, out, limits);
            continue;
          }
          // The same header for first, even and odd pages is one header.
          const text = blocksText(section.blocks);
          if (member !== body && seen.has(text)) continue;
          seen.add(text);
          await writeSection(out, section);
        }
      }
      await writeEmbedded(zip, folder, out, limits);
      await writePictures(files, out);
    } finally {
      zip.close();
    }
  },
};

const noStyles: WordStyles = { headings: new Map(), lists: new Map() };

function mainPart(zip: Zip): ZipMember {
  const main = zip.find("word/document.xml") ?? zip.members.find(({ name }) => isBody(name));
  if (main) return main;
  throw new SluiceError(
    zip.members.some((member) => member.encrypted) ? "document_encrypted" : "document_type_unsupported",
  );
}

function isBody(name: string): boolean {
  return /^word\/document\d*\.xml$/i.test(name);
}

/** Parts of these kinds, in the order of their numbers. */
function parts(zip: Zip, ...kinds: string[]): ZipMember[] {
  return kinds.flatMap((kind) =>
    zip.members
      .filter(({ name }) => new RegExp(`^word/${kind}\\d*\\.xml$`, "i").test(name))
      .sort((one, two) => one.name.localeCompare(two.name, "en", { numeric: true })),
  );
}

/** What a part includes from parts in other formats, by the ids that it names them by. */
async function inclusions(files: Package, part: string): Promise<Map<string, string>> {
  const related = [...(await files.relationships(part))].filter(([, { type }]) => type === "aFChunk");
  return new Map(related.map(([id, { target }]) => [id, target]));
}

/** Text that Word shows as if it stood in the document. */
async function include(files: Package, part: string, out: Output, limits: Limits): Promise<void> {
  const member = files.find(part);
  if (!member) {
    out.warn("attachment_not_available");
    return;
  }
  const bytes = await files.zip.read(member);
  const judged = sniff(bytes.subarray(0, 16_384));
  if (judged?.family === "rtf") {
    const { html, sections } = readRtf(bytes, limits.maxDepth);
    if (html === null) for (const section of sections) await writeSection(out, section);
    else await writeHtml([html], out);
  } else if (judged?.family === "mail") {
    const { html, text } = await readMime(bytes, out);
    if (html) await writeHtml([html], out);
    else await out.section({ text: text ?? "" });
  } else if (judged?.mediaType === "text/html" || judged?.mediaType === "application/xml") {
    await writeHtml([await files.text(member)], out);
  } else if (judged?.mediaType === "text/plain") {
    const text = await files.text(member);
    // A fragment of HTML may begin with words.
    if (/\.x?html?$/i.test(part)) await writeHtml([text], out);
    else await out.section({ text });
  } else {
    const fileName = part.slice(part.lastIndexOf("/") + 1);
    await out.child({ path: part, fileName, declaredType: null, bytes });
  }
}
