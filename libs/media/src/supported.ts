import type { Family } from "./family.js";

/** A kind of file that is accepted, with what people call it. */
export interface SupportedType {
  mediaType: string;
  family: Family;
  label: string;
  /** Extensions it usually has, without the dot. */
  extensions: readonly string[];
}

/** What is taken in today: the one list, which the parser's registry is tested against. */
export const supportedTypes: readonly SupportedType[] = [
  { mediaType: "application/pdf", family: "pdf", label: "PDF", extensions: ["pdf"] },
  { mediaType: "text/plain", family: "text", label: "Plain text", extensions: ["txt", "text"] },
  { mediaType: "text/markdown", family: "text", label: "Markdown", extensions: ["md", "markdown"] },
  { mediaType: "text/html", family: "text", label: "HTML", extensions: ["html", "htm", "xhtml"] },
  {
    mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    family: "zip",
    label: "Word (DOCX)",
    extensions: ["docx"],
  },
  {
    mediaType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    family: "zip",
    label: "Excel (XLSX)",
    extensions: ["xlsx", "xlsm"],
  },
  {
    mediaType: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    family: "zip",
    label: "PowerPoint (PPTX)",
    extensions: ["pptx", "pptm", "ppsx"],
  },
  {
    mediaType: "application/vnd.oasis.opendocument.text",
    family: "zip",
    label: "OpenDocument text",
    extensions: ["odt", "ott"],
  },
  {
    mediaType: "application/vnd.oasis.opendocument.spreadsheet",
    family: "zip",
    label: "OpenDocument spreadsheet",
    extensions: ["ods", "ots"],
  },
  {
    mediaType: "application/vnd.oasis.opendocument.presentation",
    family: "zip",
    label: "OpenDocument presentation",
    extensions: ["odp", "otp"],
  },
  { mediaType: "application/msword", family: "cfb", label: "Word 97–2003 (DOC)", extensions: ["doc", "dot"] },
  { mediaType: "application/vnd.ms-excel", family: "cfb", label: "Excel 97–2003 (XLS)", extensions: ["xls", "xlt"] },
  {
    mediaType: "application/vnd.ms-powerpoint",
    family: "cfb",
    label: "PowerPoint 97–2003 (PPT)",
    extensions: ["ppt", "pps"],
  },
  { mediaType: "application/vnd.ms-outlook", family: "cfb", label: "Outlook message (MSG)", extensions: ["msg"] },
  { mediaType: "application/rtf", family: "rtf", label: "RTF", extensions: ["rtf"] },
  { mediaType: "text/csv", family: "text", label: "CSV and TSV", extensions: ["csv", "tsv", "tab"] },
  { mediaType: "message/rfc822", family: "mail", label: "E-mail (EML)", extensions: ["eml", "emlx"] },
  { mediaType: "application/mbox", family: "mail", label: "Mailbox (mbox)", extensions: ["mbox"] },
  { mediaType: "multipart/related", family: "mail", label: "Web archive (MHTML)", extensions: ["mht", "mhtml"] },
  { mediaType: "application/zip", family: "zip", label: "ZIP archive", extensions: ["zip"] },
  { mediaType: "application/gzip", family: "gzip", label: "GZIP archive", extensions: ["gz", "tgz"] },
  { mediaType: "application/x-tar", family: "tar", label: "TAR archive", extensions: ["tar"] },
  { mediaType: "application/cda+xml", family: "xml", label: "C-CDA", extensions: ["xml", "ccda", "cda"] },
  { mediaType: "application/xml", family: "xml", label: "XML", extensions: ["xml"] },
  { mediaType: "application/hl7-v2", family: "text", label: "HL7 v2", extensions: ["hl7", "er7"] },
  { mediaType: "application/fhir+json", family: "json", label: "FHIR (JSON)", extensions: ["json", "fhir"] },
  { mediaType: "application/fhir+xml", family: "xml", label: "FHIR (XML)", extensions: ["xml"] },
  { mediaType: "image/png", family: "image", label: "PNG image", extensions: ["png"] },
  { mediaType: "image/jpeg", family: "image", label: "JPEG image", extensions: ["jpg", "jpeg"] },
  { mediaType: "application/dicom", family: "dicom", label: "DICOM", extensions: ["dcm"] },
  { mediaType: "image/tiff", family: "tiff", label: "TIFF image", extensions: ["tif", "tiff"] },
];

/** What `sniff` calls a container whose kind only its directory tells, which may be beyond the head. */
const undecided: Partial<Record<Family, string>> = { zip: "application/zip", cfb: "application/x-cfb" };

const accepted = new Set(
  supportedTypes.flatMap(({ mediaType, family }) => [mediaType, undecided[family] ?? mediaType]),
);

/** Whether files of this media type, as `sniff` names it, are taken in; a container may still turn out to be none of the kinds. */
export function isSupported(mediaType: string): boolean {
  return accepted.has(mediaType);
}
