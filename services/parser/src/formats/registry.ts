import { ccda } from "./ccda.js";
import { csv } from "./csv.js";
import { dicom } from "./dicom.js";
import { doc } from "./doc.js";
import { docx } from "./docx.js";
import { eml } from "./eml.js";
import { fhir } from "./fhir.js";
import { fhirXml } from "./fhir-xml.js";
import type { Format } from "./format.js";
import { gzip } from "./gzip.js";
import { hl7v2 } from "./hl7v2.js";
import { html } from "./html.js";
import { image } from "./image.js";
import { markdown } from "./markdown.js";
import { mbox } from "./mbox.js";
import { mhtml } from "./mhtml.js";
import { msg } from "./msg.js";
import { opendocument } from "./opendocument.js";
import { pdf } from "./pdf.js";
import { ppt } from "./ppt.js";
import { pptx } from "./pptx.js";
import { rtf } from "./rtf.js";
import { tar } from "./tar.js";
import { text } from "./text.js";
import { tiff } from "./tiff.js";
import { xls } from "./xls.js";
import { xlsx } from "./xlsx.js";
import { xml } from "./xml.js";
import { zip } from "./zip.js";

/** Every kind of file that can be read. Adding one is a file beside this, a line here and in @sluice/media's supported types, and a test. */
export const formats: readonly Format[] = [
  pdf,
  text,
  markdown,
  html,
  docx,
  ccda,
  xml,
  hl7v2,
  fhir,
  fhirXml,
  image,
  tiff,
  zip,
  gzip,
  tar,
  eml,
  msg,
  mbox,
  mhtml,
  rtf,
  xlsx,
  pptx,
  opendocument,
  xls,
  doc,
  ppt,
  csv,
  dicom,
];
