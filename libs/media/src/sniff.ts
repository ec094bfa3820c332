import type { Family } from "./family.js";
import { mailKind } from "./mail-head.js";
import { isTarHead } from "./tar-head.js";
import { textDecoder } from "./text-decoder.js";
import { textEncoding } from "./text-encoding.js";
import { xmlRoot, xmlWithoutPrologue } from "./xml-structure.js";

const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** What a file is by its first bytes. */
export interface Judgement {
  family: Family;
  mediaType: string;
}

/** Marks at their places, as Latin-1. */
const magic: readonly [mark: string, family: Family, mediaType: string, at?: number][] = [
  ["\x89PNG\r\n\x1a\n", "image", "image/png"],
  ["\xff\xd8\xff", "image", "image/jpeg"],
  ["GIF87a", "image", "image/gif"],
  ["GIF89a", "image", "image/gif"],
  ["II\x2a\0", "tiff", "image/tiff"],
  ["MM\0\x2a", "tiff", "image/tiff"],
  ["II\x2b\0", "tiff", "image/tiff"],
  ["MM\0\x2b", "tiff", "image/tiff"],
  ["PK\x03\x04", "zip", "application/zip"],
  ["PK\x05\x06", "zip", "application/zip"],
  ["PK\x07\x08", "zip", "application/zip"],
  ["\x1f\x8b", "gzip", "application/gzip"],
  ["BZh", "bzip2", "application/x-bzip2"],
  ["\xfd7zXZ\0", "xz", "application/x-xz"],
  ["7z\xbc\xaf\x27\x1c", "7z", "application/x-7z-compressed"],
  ["Rar!\x1a\x07", "rar", "application/vnd.rar"],
  ["ustar", "tar", "application/x-tar", 257],
  ["DICM", "dicom", "application/dicom", 128],
  ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cfb", "application/x-cfb"],
  ["{\\rtf", "rtf", "application/rtf"],
  ["%!PS", "postscript", "application/postscript"],
];

const localHeaderLength = 26;

/** Which Office document a ZIP is, by the names of the members its head shows. */
function zipKind(latin1: string): string {
  const members = latin1.split("PK\x03\x04").map((member) => member.slice(localHeaderLength));
  const has = (prefix: string) => members.some((member) => member.startsWith(prefix));
  if (has("word/")) return docx;
  if (has("xl/")) return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  if (has("ppt/")) return "application/vnd.openxmlformats-officedocument.presentationml.presentation";
  const declared = members.find((member) => member.startsWith("mimetypeapplication/vnd.oasis"));
  // The member's extra field may stand between its name and its content.
  return (
    /application\/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation)/.exec(declared ?? "")?.[0] ??
    "application/zip"
  );
}

/** Where the first thing that is no comment begins. By hand: a pattern for it takes for ever on many comments. */
function behindComments(text: string): string {
  let rest = text.trimStart();
  while (rest.startsWith("<!--")) {
    const end = rest.indexOf("-->", 4);
    if (end === -1) break;
    rest = rest.slice(end + 3).trimStart();
  }
  return rest;
}

function markupKind(text: string): string | undefined {
  const start = behindComments(text);
  if (/^\s*<\?xml/i.test(text) || /^<[\w.-]+(:[\w.-]+)?[^>]*\sxmlns[:=]/i.test(start)) {
    const { name: root, namespace } = xmlRoot(text) ?? {};
    if (root === "ClinicalDocument") return "application/cda+xml";
    if (namespace === "http://hl7.org/fhir") return "application/fhir+xml";
    return root?.toLowerCase() === "html" ? "text/html" : "application/xml";
  }
  if (/^<!doctype\s+html/i.test(start)) return "text/html";
  const root = /^\s*</.test(text) ? xmlRoot(text)?.name : undefined;
  if (root === "ClinicalDocument") return "application/cda+xml";
  // HL7's sections share their name with HTML's.
  if (root === "section" && /<templateId\s[^>]*root=/.test(text)) return "application/xml";
  if (root && /^(html|head|body|title|meta|div|p|table|h[1-6]|article|section|center|font|span)$/i.test(root)) {
    return "text/html";
  }
  if (root && /<html[\s>]/i.test(text)) return "text/html";
  const element = xmlWithoutPrologue(text);
  if (!element) return undefined;
  return /^(ul|ol|dl|pre|b|i|u|p|em|strong|br|hr|main|form|blockquote)$/i.test(element)
    ? "text/html"
    : "application/xml";
}

/** Heads are given at least so long, where files are. */
const fullHead = 4_000;

/** Whether JSON may say beyond its head what it is: names come in any order, and an attachment may stand first. */
function goesOn(text: string): boolean {
  if (text.length < fullHead) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function textKind(text: string): string {
  // FHS and BHS open batches; 0x0b is the frame of MLLP.
  if (/^\s*(MSH|FHS|BHS)[^\w\s]/.test(text)) return "application/hl7-v2";
  if (/^\s*(\{\s*["}]|\[\s*[{["\]])/.test(text)) {
    return /"resourceType"\s*:/.test(text) || goesOn(text) ? "application/fhir+json" : "application/json";
  }
  if (/^\s*\{\\rtf/.test(text)) return "application/rtf";
  return mailKind(text) ?? markupKind(text) ?? "text/plain";
}

const mailTypes = new Set(["message/rfc822", "multipart/related", "application/mbox"]);

function familyOfText(mediaType: string): Family {
  if (mailTypes.has(mediaType)) return "mail";
  if (mediaType === "application/rtf") return "rtf";
  if (mediaType.endsWith("json")) return "json";
  return mediaType.endsWith("xml") ? "xml" : "text";
}

/**
 * What a file is by its first bytes; give at least 4,100 where the file has them. A ZIP is named by its kind when its head shows
 * it, and `application/zip` otherwise. JSON that says nothing of its kind in a long head passes for FHIR until it is read. Markdown is `text/plain`: content can't tell them apart.
 * `undefined`: binary of a kind not known.
 */
export function sniff(head: Uint8Array): Judgement | undefined {
  const latin1 = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  const found = magic.find(([mark, , , at = 0]) => latin1.startsWith(mark, at));
  if (found) {
    const [, family, mediaType] = found;
    return { family, mediaType: family === "zip" ? zipKind(latin1) : mediaType };
  }
  if (isTarHead(head)) return { family: "tar", mediaType: "application/x-tar" };
  // Readers accept junk before the mark (mail headers, print-job wrappers) within the first kilobyte.
  if (/%PDF-\d|%PDF-?\s/.test(latin1.slice(0, 1032))) return { family: "pdf", mediaType: "application/pdf" };
  if (head.length === 0) return undefined;
  const encoding = textEncoding(head);
  if (!encoding) return undefined;
  const mediaType = textKind(textDecoder(encoding).decode(head, { stream: true }));
  return { family: familyOfText(mediaType), mediaType };
}
