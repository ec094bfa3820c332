import { SluiceError } from "@sluice/contracts";
import { bytesEncoding, decode } from "../reading/encoding.js";
import { WordReader } from "../reading/word-reader.js";
import { headingStyles } from "../reading/word-styles.js";
import { readXml, xmlEncoding } from "../reading/xml.js";
import { Zip, type ZipMember } from "../reading/zip.js";
import { blocksText, writeSection } from "../writing/blocks.js";
import type { Format } from "./format.js";

/** Word documents: page headers, body by headings, footnotes, comments, footers; embedded files as children. */
export const docx: Format = {
  name: "docx",
  label: "Word (DOCX)",
  family: "zip",
  recognise: async (probe) => ((await probe.zipMembers()).some(({ name }) => isBody(name)) ? 10 : null),
  keeps:
    "Page headers, body by headings, lists, tables with their cells, text boxes, foot- and endnotes, comments, page footers; embedded files as children.",
  codes: ["document_encrypted", "document_type_unsupported"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  aliases: ["application/msword", "application/vnd.ms-word.document.macroenabled.12", "application/zip"],
  async parse(source, out, limits) {
    const zip = await Zip.open(source.path, limits.maxExpandedBytes);
    try {
      const body = mainPart(zip);
      const xml = async (member: ZipMember) => {
        const bytes = await zip.read(member);
        return decode(bytes, bytesEncoding(bytes, xmlEncoding(bytes)));
      };
      const folder = body.name.slice(0, body.name.lastIndexOf("/") + 1);
      const styles = zip.find(`${folder}styles.xml`);
      const reader = new WordReader(styles ? await headingStyles(await xml(styles), limits.maxDepth) : new Map());
      const seen = new Set<string>();
      for (const member of [
        ...parts(zip, "header"),
        body,
        ...parts(zip, "footnotes", "endnotes", "comments", "footer"),
      ]) {
        await readXml([await xml(member)], reader, limits.maxDepth);
        for (const section of reader.take()) {
          // The same header for first, even and odd pages is one header.
          const text = blocksText(section.blocks);
          if (member !== body && seen.has(text)) continue;
          seen.add(text);
          await writeSection(out, section);
        }
      }
      for (const member of zip.members.filter(isEmbedded)) {
        const fileName = member.name.slice(member.name.lastIndexOf("/") + 1);
        await out.child({ path: member.name, fileName, declaredType: null, bytes: zip.stream(member) });
      }
    } finally {
      zip.close();
    }
  },
};

function mainPart(zip: Zip): ZipMember {
  const main = zip.find("word/document.xml") ?? zip.members.find(({ name }) => isBody(name));
  if (main) return main;
  throw new SluiceError(
    zip.members.some((member) => member.encrypted) ? "document_encrypted" : "document_type_unsupported",
  );
}

function isBody(name: string): boolean {
  return /^word\/document\d*\.xml$/.test(name);
}

/** Parts of these kinds, in the order of their numbers. */
function parts(zip: Zip, ...kinds: string[]): ZipMember[] {
  return kinds.flatMap((kind) =>
    zip.members
      .filter(({ name }) => new RegExp(`^word/${kind}\\d*\\.xml$`).test(name))
      .sort((one, two) => one.name.localeCompare(two.name, "en", { numeric: true })),
  );
}

/** Whole files put into the document, and text it includes from other formats; OLE objects of programs are not for reading. */
function isEmbedded({ name }: ZipMember): boolean {
  return /^word\/(embeddings\/.+\.(docx|pdf|txt|html?|xml)|afchunk[^/]*\.\w+)$/i.test(name);
}
