import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { SluiceError } from "@sluice/contracts";
import { isTarHead } from "@sluice/media";
import { readSample } from "../reading/encoding.js";
import { Members } from "../reading/members.js";
import type { Format, Limits } from "./format.js";
import { writeTar } from "./tar.js";

/** A compressed file, which is the only child; a compressed TAR is read as that. */
export const gzip: Format = {
  name: "gzip",
  label: "GZIP archive",
  family: "gzip",
  recognise: () => 10,
  keeps: "The file within as a child; of a compressed TAR, each of its files.",
  codes: [],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/gzip"],
  aliases: ["application/x-gzip", "application/x-tgz", "application/x-compressed-tar"],
  async parse(source, out, limits) {
    const [head, bytes] = await peek(unzipped(source.path, limits), 512);
    if (isTarHead(head)) return writeTar(bytes, out);
    const members = new Members(out);
    await members.give(nameWithin(await readSample(source.path, 1_024)) ?? "content", bytes);
    members.end();
  },
};

/** Several compressed files in a row are one. Counted here too, as what is passed over in a TAR is given to nobody. */
async function* unzipped(path: string, { maxExpandedBytes }: Limits): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  const stream = file.pipe(createGunzip());
  file.on("error", (error) => stream.destroy(error));
  let total = 0;
  try {
    for await (const chunk of stream) {
      total += chunk.length;
      if (total > maxExpandedBytes) throw new SluiceError("limit_expanded_size");
      yield chunk;
    }
  } finally {
    file.destroy();
  }
}

/** The first bytes, and all of them. */
async function peek(
  bytes: AsyncGenerator<Uint8Array>,
  length: number,
): Promise<[head: Uint8Array, all: AsyncGenerator<Uint8Array>]> {
  const first: Uint8Array[] = [];
  let seen = 0;
  while (seen < length) {
    const { value, done } = await bytes.next();
    if (done) break;
    first.push(value);
    seen += value.length;
  }
  async function* all() {
    yield* first;
    yield* bytes;
  }
  return [Buffer.concat(first), all()];
}

const flags = { extra: 4, name: 8 };

/** The name that was given to the file before it was compressed. */
function nameWithin(head: Buffer): string | null {
  const set = head[3] ?? 0;
  if (!(set & flags.name)) return null;
  const start = 10 + (set & flags.extra && head.length >= 12 ? 2 + head.readUInt16LE(10) : 0);
  const end = head.indexOf(0, start);
  return end > start ? head.toString("latin1", start, end) : null;
}
