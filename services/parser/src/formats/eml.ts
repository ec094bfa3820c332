import type { Email } from "postal-mime";
import { documentDate, isoDate } from "../reading/dates.js";
import { addresses, contentBytes, readMime, shows } from "../reading/mime.js";
import { wholeFile } from "../reading/whole-file.js";
import { writeAttachments, writeMail } from "../writing/mail-parts.js";
import type { Format, Output } from "./format.js";
import { htmlBlocks } from "./html.js";

/** A mail: who wrote what to whom and when; attachments and forwarded messages are children. */
export const eml: Format = {
  name: "eml",
  label: "E-mail (EML)",
  family: "mail",
  recognise: ({ mediaType }) => (mediaType === "message/rfc822" ? 10 : null),
  keeps:
    "Subject, sender, recipients and date, the body as text, or by its HTML with tables where that says more, and what only one of them says; attachments and forwarded messages as children.",
  codes: ["document_encrypted", "limit_nesting"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["message/rfc822"],
  aliases: ["text/plain", "application/x-emlx", "message/x-emlx"],
  async parse(source, out, limits) {
    await writeEmail(await readMime(withoutLength(await wholeFile(source, limits)), out), out);
  },
};

/** Apple Mail keeps a message's length on a line before it, and remarks of its own behind it. */
function withoutLength(file: Buffer): Buffer {
  const length = /^(\d+)\s*\n/.exec(file.toString("latin1", 0, 24));
  if (!length) return file;
  const start = length[0].length;
  return file.subarray(start, start + Number(length[1]));
}

/** Writes a message: its head, its body, its attachments. */
export async function writeEmail(email: Email, out: Output): Promise<void> {
  const dated = documentDate("authored", isoDate(email.date), "Date");
  out.header({ title: email.subject ?? null });
  for (const date of dated) out.date(date);
  await writeMail(out, {
    subject: email.subject ?? null,
    fields: [
      ["From", addresses(email.from)],
      ["To", addresses(email.to)],
      ["Cc", addresses(email.cc)],
      ["Date", email.headers.find(({ key }) => key === "date")?.value ?? ""],
    ],
    text: email.text ?? null,
    rich: email.html ? htmlBlocks(email.html) : null,
  });
  await writeAttachments(
    out,
    email.attachments.map(({ filename, mimeType, content, contentId }) => ({
      name: filename ?? null,
      declaredType: mimeType || null,
      bytes: contentBytes(content),
      isInline: shows(email.html, contentId),
    })),
  );
}
