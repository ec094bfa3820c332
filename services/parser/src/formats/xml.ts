import { fromBase64, unpacked } from "../reading/attachment.js";
import { readXml, xmlText } from "../reading/xml.js";
import { XmlOutline } from "../reading/xml-outline.js";
import type { Format, Limits, Output } from "./format.js";

/** XML of any other vocabulary, as an outline of names and values in the order of the document; base64 within as children. */
export const xml: Format = {
  name: "xml",
  label: "XML",
  family: "xml",
  recognise: () => 1,
  keeps: "Elements and attributes as an outline, a line an element; base64 within as children.",
  codes: ["limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/xml"],
  aliases: ["text/xml", "text/plain", "application/hl7-sda+xml", "application/soap+xml"],
  async parse(source, out, limits) {
    const outline = new XmlOutline();
    await readXml(handingOn(xmlText(source.path), outline, out, limits), outline, limits.maxDepth);
    for (const section of outline.end()) await out.section(section);
  },
};

/** The pieces of the file; before each next one, what was read of those before is handed on. */
async function* handingOn(
  pieces: AsyncIterable<string>,
  outline: XmlOutline,
  out: Output,
  limits: Limits,
): AsyncGenerator<string> {
  for await (const piece of pieces) {
    yield piece;
    for (const section of outline.take()) await out.section(section);
    for (const { path, base64 } of outline.embedded.splice(0)) {
      const bytes = fromBase64(base64);
      if (bytes) await out.child({ path, fileName: null, declaredType: null, bytes: unpacked(bytes, limits) });
      else out.warn("attachment_unreadable");
    }
  }
}
