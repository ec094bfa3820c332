import { documentDate, isoDate } from "../reading/dates.js";
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
  keeps: "Subject and date, the page as HTML is read; pictures that are no ornaments as children.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["multipart/related"],
  aliases: ["message/rfc822", "application/x-mimearchive", "text/html"],
  async parse(source, out, limits) {
    const page = await readMime(await wholeFile(source, limits), out);
    if (page.subject) out.header({ title: page.subject });
    const about = [
      ["Subject", page.subject ?? ""],
      ["Date", page.headers.find(({ key }) => key === "date")?.value ?? ""],
    ].filter(([, value]) => value?.trim());
    for (const date of documentDate("authored", isoDate(page.date), "Date")) out.date(date);
    // A page that shows nothing has not been kept by its name.
    if (about.length > 0 && (page.html || page.text))
      await out.section({ text: about.map(([label, value]) => `${label}: ${value}`).join("\n") });
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
