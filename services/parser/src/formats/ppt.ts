import { SluiceError } from "@sluice/contracts";
import { Compound } from "../reading/compound.js";
import { writeArt } from "../reading/office-art.js";
import { readPpt } from "../reading/ppt.js";
import { wholeFile } from "../reading/whole-file.js";
import type { Format } from "./format.js";

/** Presentations of PowerPoint 97 to 2003. */
export const ppt: Format = {
  name: "ppt",
  label: "PowerPoint 97–2003 (PPT)",
  family: "cfb",
  recognise: async (probe) => ((await probe.cfbNames()).includes("PowerPoint Document") ? 10 : null),
  keeps: "A page a slide: its text and its notes; pictures that are no ornaments as children; not its objects.",
  codes: ["document_encrypted", "limit_nesting"],
  limits: ["maxPages", "maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/vnd.ms-powerpoint"],
  aliases: ["application/mspowerpoint", "application/vnd.openxmlformats-officedocument.presentationml.presentation"],
  async parse(source, out, limits) {
    const file = new Compound(await wholeFile(source, limits));
    const [stream, user] = [file.find("PowerPoint Document"), file.find("Current User")];
    if (!stream || !user) throw new SluiceError("document_corrupt");
    const slides = readPpt(stream, user);
    out.pages(slides.length);
    for (const { text, notes } of slides) {
      const isEmpty = text.length + notes.length === 0;
      await out.page(isEmpty ? "blank" : "text");
      if (isEmpty) continue;
      await out.begin({ title: text[0]?.split("\n")[0] ?? null });
      if (text.length > 0) await out.text(text.join("\n"));
      if (notes.length > 0) await out.text(`Notes: ${notes.join("\n")}`, "\n\n");
    }
    await writeArt([file.find("Pictures")], out);
  },
};
