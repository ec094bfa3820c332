import { createReadStream } from "node:fs";
import { Members } from "../reading/members.js";
import { readTar } from "../reading/tar.js";
import type { Format, Output } from "./format.js";

/** An archive of files one after the other, as a stream. */
export const tar: Format = {
  name: "tar",
  label: "TAR archive",
  family: "tar",
  recognise: () => 10,
  keeps: "Each file as a child, under its name; folders, links and what systems put there for themselves are left out.",
  codes: [],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/x-tar"],
  aliases: ["application/tar", "application/x-gtar", "application/x-ustar"],
  async parse(source, out) {
    await writeTar(createReadStream(source.path), out);
  },
};

export async function writeTar(bytes: AsyncIterable<Uint8Array>, out: Output): Promise<void> {
  const members = new Members(out);
  try {
    for await (const member of readTar(bytes)) {
      if (member.isFile && members.wants(member.name, member.size)) await members.give(member.name, member.bytes);
    }
  } catch (error) {
    members.breakOff(error);
  }
  members.end();
}
