import { decompressRTF } from "@kenjiuno/decompressrtf";
import msgReader, { type FieldsData } from "@kenjiuno/msgreader";
import { SluiceError } from "@sluice/contracts";
import { Compound } from "../reading/compound.js";
import { documentDate, isoDate } from "../reading/dates.js";
import { decode } from "../reading/encoding.js";
import { shows } from "../reading/mime.js";
import { readRtf } from "../reading/rtf.js";
import { wholeFile } from "../reading/whole-file.js";
import type { Block } from "../writing/blocks.js";
import { type MailAttachment, writeAttachments, writeMail } from "../writing/mail-parts.js";
import type { Format, Limits } from "./format.js";
import { htmlBlocks } from "./html.js";

// A CommonJS module whose default export is a property.
const MsgReader = msgReader.default;

/** Outlook's items: mails, appointments, contacts, notes. */
export const msg: Format = {
  name: "msg",
  label: "Outlook message (MSG)",
  family: "cfb",
  recognise: async (probe) => ((await probe.cfbNames()).includes("__properties_version1.0") ? 10 : null),
  keeps:
    "Subject, sender, recipients and date, the body as text, HTML or RTF; attachments and embedded messages as children.",
  codes: [],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/vnd.ms-outlook"],
  aliases: ["application/x-msg", "message/rfc822"],
  async parse(source, out, limits) {
    const file = await wholeFile(source, limits);
    // The reader believes what the directory says.
    const sizes = [...new Compound(file).streams.values()].map(({ size }) => size);
    if (sizes.some((size) => size > file.length)) throw new SluiceError("document_corrupt");
    // A copy of its own: the reader looks at the whole buffer behind what it is given, which may hold other things.
    const reader = new MsgReader(new Uint8Array(file).buffer);
    reader.parserConfig = { ansiEncoding: "cp1252" };
    const item = reader.getFileData();
    const sent = item.clientSubmitTime ?? item.messageDeliveryTime ?? item.creationTime;
    out.header({ title: item.subject ?? null });
    for (const date of documentDate("authored", moment(sent), "PidTagClientSubmitTime")) out.date(date);
    const { html, rtf } = richBody(item, limits);
    await writeMail(out, {
      subject: item.subject ?? null,
      fields: [...people(item), ["Date", moment(sent)?.value ?? ""], ...particulars(item)],
      text: item.body ?? null,
      rich: html === null ? rtf : htmlBlocks(html),
    });
    const attachments = (item.attachments ?? []).map((attachment): MailAttachment => {
      const { fileName, content } = reader.getAttachment(attachment);
      return {
        name: fileName || attachment.fileName || null,
        declaredType: attachment.innerMsgContent ? "application/vnd.ms-outlook" : (attachment.attachMimeTag ?? null),
        bytes: content,
        isInline: attachment.attachmentHidden === true || shows(html, attachment.pidContentId),
      };
    });
    await writeAttachments(out, attachments);
  },
};

function moment(stamp: string | undefined) {
  const time = new Date(stamp ?? "");
  return Number.isNaN(time.getTime()) ? undefined : isoDate(time.toISOString());
}

function people(item: FieldsData): [string, string][] {
  const person = ({ name, email, smtpAddress }: FieldsData) => {
    const address = smtpAddress ?? (email?.includes("@") ? email : undefined);
    return name && address && name !== address ? `${name} <${address}>` : (name ?? address ?? "");
  };
  const of = (type: string) => (item.recipients ?? []).filter(({ recipType }) => (recipType ?? "to") === type);
  const sender = { ...item, name: item.senderName, email: item.senderEmail, smtpAddress: item.senderSmtpAddress };
  return [
    ["From", person(sender)],
    ["To", of("to").map(person).join(", ")],
    ["Cc", of("cc").map(person).join(", ")],
  ];
}

/** What appointments and contacts have in place of a body. */
function particulars(item: FieldsData): [string, string][] {
  return [
    ["Start", item.apptStartWhole ?? ""],
    ["End", item.apptEndWhole ?? ""],
    ["Location", item.apptLocation ?? item.location ?? ""],
    ["Company", item.companyName ?? ""],
    ["Business telephone", item.businessTelephoneNumber ?? ""],
    ["Mobile telephone", item.mobileTelephoneNumber ?? ""],
    ["Home telephone", item.homeTelephoneNumber ?? ""],
    ["Business fax", item.businessFaxNumber ?? ""],
    ["E-mail", item.email1EmailAddress ?? ""],
    ["Business address", item.workAddress ?? ""],
  ];
}

function richBody(item: FieldsData, limits: Limits): { html: string | null; rtf: Block[] | null } {
  if (item.bodyHtml) return { html: item.bodyHtml, rtf: null };
  if (item.html) return { html: decode(item.html, codePage(item.internetCodepage)), rtf: null };
  if (!item.compressedRtf || item.compressedRtf.length > limits.maxExpandedBytes / 16) return { html: null, rtf: null };
  const { html, sections } = readRtf(Buffer.from(decompressRTF([...item.compressedRtf])), limits.maxDepth);
  return { html, rtf: sections.flatMap(({ blocks }) => blocks) };
}

function codePage(page: number | undefined): string {
  const label = page === 65001 || page === undefined ? "utf-8" : page === 20127 ? "windows-1252" : `windows-${page}`;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return "windows-1252";
  }
}
