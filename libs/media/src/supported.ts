/** A kind of file that is accepted, with what people call it. */
export interface SupportedType {
  mediaType: string;
  label: string;
  /** Extensions it usually has, without the dot. */
  extensions: readonly string[];
}

/** What is taken in today. Images are accepted and wait for text recognition: they end as `ocr_required` until it exists. */
export const supportedTypes: readonly SupportedType[] = [
  { mediaType: "application/pdf", label: "PDF", extensions: ["pdf"] },
  { mediaType: "text/plain", label: "Plain text", extensions: ["txt", "text"] },
  { mediaType: "text/markdown", label: "Markdown", extensions: ["md", "markdown"] },
  { mediaType: "text/html", label: "HTML", extensions: ["html", "htm", "xhtml"] },
  {
    mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    label: "Word (DOCX)",
    extensions: ["docx"],
  },
  { mediaType: "application/cda+xml", label: "C-CDA", extensions: ["xml", "ccda", "cda"] },
  { mediaType: "application/xml", label: "XML", extensions: ["xml"] },
  { mediaType: "application/hl7-v2", label: "HL7 v2", extensions: ["hl7", "er7"] },
  { mediaType: "application/fhir+json", label: "FHIR (JSON)", extensions: ["json", "fhir"] },
  { mediaType: "image/png", label: "PNG image", extensions: ["png"] },
  { mediaType: "image/jpeg", label: "JPEG image", extensions: ["jpg", "jpeg"] },
  { mediaType: "image/tiff", label: "TIFF image", extensions: ["tif", "tiff"] },
];

const supported = new Set(supportedTypes.map((type) => type.mediaType));

/** Whether files of this media type, as `sniff` names it, are taken in. */
export function isSupported(mediaType: string): boolean {
  return supported.has(mediaType);
}
