/**
 * What the first bytes tell for certain: the outer structure of a file. Which of the family's formats it is may take more: a
 * directory, a root element, a declaration.
 */
export const families = [
  "pdf",
  "zip",
  "cfb",
  "gzip",
  "bzip2",
  "xz",
  "7z",
  "rar",
  "tar",
  "rtf",
  "tiff",
  "image",
  "dicom",
  "postscript",
  "mail",
  "xml",
  "json",
  "text",
] as const;
export type Family = (typeof families)[number];
