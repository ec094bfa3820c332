import { createHash } from "node:crypto";
import { sniff } from "@sluice/media";
import type { Output } from "../formats/format.js";
import { minPicture } from "../writing/mail-parts.js";

/** Records of pictures in the streams of Office 97 to 2003, by the low byte of their type: JPEG, PNG, TIFF, JPEG for print. */
const pictureTypes: ReadonlySet<number> = new Set([0x1d, 0x1e, 0x29, 0x2a]);
const highByte = 0xf0;
/** Before a picture's bytes stand one or two checksums and a mark. */
const leads = [17, 33];
const readable = /^image\/(png|jpeg|tiff)$/;
/** So many of a document's pictures are handed on. */
const maxPictures = 500;

/** Hands on the pictures in a document's streams, each once, which may be scans; small ones are counted. */
export async function writeArt(streams: readonly (Buffer | undefined)[], out: Output): Promise<void> {
  const seen = new Set<string>();
  for (const bytes of streams.flatMap((stream) => (stream ? [...pictures(stream)] : []))) {
    const key = createHash("sha256").update(bytes).digest("hex");
    if (seen.has(key)) continue;
    seen.add(key);
    if (bytes.length < minPicture) out.warn("inline_picture_skipped");
    else if (seen.size > maxPictures) out.warn("picture_skipped");
    else await out.child({ path: `picture[${seen.size - 1}]`, fileName: null, declaredType: null, bytes });
  }
}

function* pictures(data: Buffer): Generator<Buffer> {
  for (let at = data.indexOf(highByte, 3); at !== -1; at = data.indexOf(highByte, at + 1)) {
    if (!pictureTypes.has(data[at - 1] ?? 0) || at + 5 > data.length) continue;
    const start = at + 5;
    const end = start + data.readUInt32LE(at + 1);
    if (end > data.length) continue;
    const lead = leads.find((each) =>
      readable.test(sniff(data.subarray(start + each, start + each + 16))?.mediaType ?? ""),
    );
    if (lead === undefined || start + lead >= end) continue;
    yield data.subarray(start + lead, end);
    at = end - 1;
  }
}
