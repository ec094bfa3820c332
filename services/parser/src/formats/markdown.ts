import { charsetOf } from "../reading/declared.js";
import { fileEncoding, readText } from "../reading/encoding.js";
import type { Format, SectionInput } from "./format.js";

/** Headings (`# …`, or underlined) begin sections; the text stays as it was written. */
export const markdown: Format = {
  name: "markdown",
  label: "Markdown",
  family: "text",
  recognise: ({ mediaType, declared }) => (mediaType === "text/plain" && declared === "text/markdown" ? 5 : null),
  keeps: "Headings as sections, the text as it was written.",
  codes: [],
  limits: ["maxExpandedBytes"],
  mediaTypes: ["text/markdown"],
  aliases: ["text/x-markdown", "text/plain"],
  async parse(source, out) {
    const encoding = await fileEncoding(source.path, charsetOf(source.declaredType));
    let section: SectionInput = { text: "" };
    let fence: string | null = null;
    let previous = "";
    for await (const line of lines(readText(source.path, encoding))) {
      const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
      if (mark) fence = fence === null ? mark : mark.startsWith(fence) ? null : fence;
      const heading = fence === null ? /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line) : null;
      const underline = fence === null && previous.trim() ? /^ {0,3}(=+|-{3,})\s*$/.exec(line) : null;
      if (heading) {
        await out.section(section);
        section = { level: heading[1]?.length, title: heading[2], text: `${heading[2]}\n` };
      } else if (underline && !previous.includes("|")) {
        await out.section({ ...section, text: section.text.slice(0, -previous.length - 1) });
        section = { level: underline[1]?.startsWith("=") ? 1 : 2, title: previous.trim(), text: `${previous}\n` };
      } else {
        section.text += `${line}\n`;
      }
      previous = heading || underline ? "" : line;
    }
    await out.section(section);
  },
};

async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const parts = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop() ?? "";
    yield* parts;
  }
  yield rest.replace(/\r$/, "");
}
