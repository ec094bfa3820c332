import { textEncoding } from "./text-encoding.js";
import { xmlWithoutPrologue } from "./xml-structure.js";

const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** Marks at the very beginning, as Latin-1. */
const magic: readonly [mark: string, mediaType: string][] = [
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["II\x2a\0", "image/tiff"],
  ["MM\0\x2a", "image/tiff"],
  ["II\x2b\0", "image/tiff"],
  ["MM\0\x2b", "image/tiff"],
  ["PK\x03\x04", "application/zip"],
  ["PK\x05\x06", "application/zip"],
  ["PK\x07\x08", "application/zip"],
  ["\x1f\x8b", "application/gzip"],
  ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-cfb"],
  ["{\\rtf", "application/rtf"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["%!PS", "application/postscript"],
];

const localHeaderLength = 26;

/** Which Office document a ZIP is, by the names of the members its head shows. */
function zipKind(latin1: string): string {
  const members = latin1.split("PK\x03\x04").map((member) => member.slice(localHeaderLength));
  const has = (prefix: string) => members.some((member) => member.startsWith(prefix));
  if (has("word/")) return docx;
  if (has("xl/")) return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  if (has("ppt/")) return "application/vnd.openxmlformats-officedocument.presentationml.presentation";
  if (has("mimetypeapplication/epub")) return "application/epub+zip";
  return has("mimetypeapplication/vnd.oasis") ? "application/vnd.oasis.opendocument" : "application/zip";
}

/** The name of the root element, without its prefix. */
function xmlRoot(text: string): string | undefined {
  const prologue = /^(\s|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!DOCTYPE[^[>]*(\[[\s\S]*?\]\s*)?>)*/i;
  return /^<(?:[\w.-]+:)?([\w.-]+)/.exec(text.replace(prologue, ""))?.[1];
}

function markupKind(text: string): string | undefined {
  if (/^\s*<\?xml/i.test(text) || /^\s*(<!--[\s\S]*?-->\s*)*<[\w.-]+(:[\w.-]+)?[^>]*\sxmlns[:=]/i.test(text)) {
    const root = xmlRoot(text);
    if (root === "ClinicalDocument") return "application/cda+xml";
    return root?.toLowerCase() === "html" ? "text/html" : "application/xml";
  }
  if (/^\s*(<!--[\s\S]*?-->\s*)*<!doctype\s+html/i.test(text)) return "text/html";
  const root = /^\s*</.test(text) ? xmlRoot(text) : undefined;
  if (root === "ClinicalDocument") return "application/cda+xml";
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

function textKind(text: string): string {
  // FHS and BHS open batches; 0x0b is the frame of MLLP.
  if (/^\s*(MSH|FHS|BHS)[^\w\s]/.test(text)) return "application/hl7-v2";
  if (/^\s*(\{\s*["}]|\[\s*[{["\]])/.test(text)) {
    return /"resourceType"\s*:/.test(text) ? "application/fhir+json" : "application/json";
  }
  if (
    /^[\w-]+: [\s\S]*^(MIME-Version:|Content-Type: *multipart\/)/im.test(text) &&
    /^(From|Received|Date):/im.test(text)
  ) {
    return "message/rfc822";
  }
  return markupKind(text) ?? "text/plain";
}

/**
 * The media type of a file by its first bytes; give at least 4,100 where the file has them. A ZIP is named DOCX when its
 * head shows it and `application/zip` otherwise. Markdown is `text/plain`: content can't tell them apart.
 * `undefined`: binary of a kind not known.
 */
export function sniff(head: Uint8Array): { mediaType: string } | undefined {
  const latin1 = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  const found = magic.find(([mark]) => latin1.startsWith(mark))?.[1];
  if (found) return { mediaType: found === "application/zip" ? zipKind(latin1) : found };
  // Readers accept junk before the mark (mail headers, print-job wrappers) within the first kilobyte.
  if (/%PDF-\d|%PDF-?\s/.test(latin1.slice(0, 1032))) return { mediaType: "application/pdf" };
  if (head.length === 0) return undefined;
  const encoding = textEncoding(head);
  if (!encoding) return undefined;
  return { mediaType: textKind(new TextDecoder(encoding).decode(head, { stream: true })) };
}
