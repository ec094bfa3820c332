import { contentBytes, readMime } from "../reading/mime.js";
import { wholeFile } from "../reading/whole-file.js";
import { writeAttachments } from "../writing/mail-parts.js";
import type { Format } from "./format.js";
import { writeHtml } from "./html.js";

/** What a page looks like and does, with nothing to read. */
const ofThePage = /css|javascript|ecmascript|^font\/|font-|woff|opentype|truetype/;
/** Pictures of kinds that no scan is kept in. */
const isOrnament = (type: string) => /^image\//.test(type) && !/^image\/(png|jpeg|tiff)$/.test(type);

/** A web page that was kept in one file with what it shows. */
export const mhtml: Format = {
  name: "mhtml",
  label: "Web archive (MHTML)",
  family: "mail",
  recognise: ({ mediaType }) => (mediaType === "multipart/related" ? 10 : null),
  keeps: "The page as HTML is read; pictures that are no ornaments as children.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["multipart/related"],
  aliases: ["message/rfc822", "application/x-mimearchive", "text/html"],
  async parse(source, out, limits) {
    const page = await readMime(await wholeFile(source, limits), out);
    if (page.subject) out.header({ title: page.subject });
    if (page.html) await writeHtml([page.html], out);
    else if (page.text) await out.section({ text: page.text });
    const kept = page.attachments.filter(({ mimeType }) => !ofThePage.test(mimeType));
    const pictures = kept.filter(({ mimeType }) => isOrnament(mimeType));
    for (const _picture of pictures) out.warn("inline_picture_skipped");
    await writeAttachments(
      out,
      kept
        .filter(({ mimeType }) => !isOrnament(mimeType))
        .map(({ filename, mimeType, content }) => ({
          name: filename ?? null,
          declaredType: mimeType,
          bytes: contentBytes(content),
          isInline: true,
        })),
    );
  },
};
