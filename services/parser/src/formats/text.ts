import { maxSectionLength } from "@sluice/contracts";
import { charsetOf } from "../reading/declared.js";
import { fileEncoding, readText } from "../reading/encoding.js";
import { cutPoint } from "../writing/split.js";
import type { Format } from "./format.js";

/** Notes as they are: one section, cut only by size. Piece by piece, so that a file of any length passes through. */
export const text: Format = {
  name: "text",
  label: "Plain text",
  family: "text",
  recognise: () => 1,
  keeps: "The text as it is, lines and columns included, whatever its encoding.",
  codes: [],
  limits: ["maxExpandedBytes"],
  mediaTypes: ["text/plain"],
  aliases: ["text/csv", "text/x-log"],
  async parse(source, out) {
    const encoding = await fileEncoding(source.path, charsetOf(source.declaredType));
    let pending = "";
    for await (const piece of readText(source.path, encoding)) {
      pending += piece;
      // A CR at the end may be half of a CRLF.
      const settled = pending.endsWith("\r") ? pending.length - 1 : pending.length;
      pending = pending.slice(0, settled).replace(/\r\n?/g, "\n") + pending.slice(settled);
      while (pending.length > maxSectionLength * 2) {
        const cut = cutPoint(pending, maxSectionLength);
        await out.section({ text: pending.slice(0, cut) });
        pending = pending.slice(cut);
      }
    }
    await out.section({ text: pending.replace(/\r\n?/g, "\n") });
  },
};
