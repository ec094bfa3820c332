import { SluiceError } from "@sluice/contracts";
import { Members } from "../reading/members.js";
import { Zip } from "../reading/zip.js";
import type { Format } from "./format.js";

/** An archive of files, by its directory. */
export const zip: Format = {
  name: "zip",
  label: "ZIP archive",
  family: "zip",
  // A binary workbook's parts are of no use by themselves.
  recognise: async (probe) => ((await probe.zipMembers()).some(({ name }) => name === "xl/workbook.bin") ? null : 1),
  keeps: "Each file as a child, under its name; folders and what systems put there for themselves are left out.",
  codes: ["document_encrypted"],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/zip"],
  aliases: ["application/x-zip-compressed", "application/x-zip", "application/epub+zip"],
  async parse(source, out, limits) {
    const archive = await Zip.open(source.path, limits);
    try {
      const members = new Members(out);
      for (const member of archive.members) {
        if (!members.wants(member.name, member.entry.uncompressedSize)) continue;
        if (member.encrypted) members.refuse(new SluiceError("document_encrypted"));
        else await members.give(member.name, archive.stream(member));
      }
      members.end();
    } finally {
      archive.close();
    }
  },
};
