import { createHash, type Hash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { SluiceError } from "@sluice/contracts";
import type { Store, StoredUpload } from "@sluice/store";
import { headLength, judge } from "./media-type.js";

export type Objects = Pick<Store["objects"], "upload" | "remove">;
export type StoredFile = Pick<
  StoredUpload,
  "objectPath" | "contentHash" | "byteLength" | "declaredType" | "mediaType" | "fileName"
>;

export interface FileTarget {
  objects: Objects;
  organizationId: string;
  maxBytes: number;
  /** Longest that Storage may take for a chunk, or to answer at the end; a slow sender's time is not counted. */
  silenceMs?: number;
}

const usualSilenceMs = 30_000;

/** A name as people read it: no control characters, no longer than names get. */
function cleanName(name: string | undefined): string | null {
  const clean = (name ?? "").replace(/[\p{Cc}\p{Surrogate}]/gu, "").trim();
  return clean === "" ? null : [...clean].slice(0, 255).join("");
}

type Read = () => Promise<IteratorResult<Buffer>>;

async function readHead(read: Read): Promise<Buffer> {
  const head: Buffer[] = [];
  for (let length = 0; length < headLength; ) {
    const next = await read();
    if (next.done === true) break;
    head.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(head);
}

/**
 * One file part into Storage, hashed and counted on its way, never whole in memory: a chunk is read when Storage has taken the one
 * before. Throws `file_empty`, `media_type_unsupported`, `file_too_large` (as soon as it is), `file_incomplete` or
 * `storage_unavailable`; whatever was stored of such a file is removed again, or swept later. `hash` has then
 * taken in what was read so far.
 */
export async function storeFile(
  chunks: AsyncIterator<Buffer>,
  part: { fileName?: string; declaredType?: string },
  target: FileTarget,
  hash: Hash = createHash("sha256"),
): Promise<StoredFile> {
  const read: Read = async () => {
    const next = await chunks.next();
    if (next.done !== true) hash.update(next.value);
    return next;
  };
  const fileName = cleanName(part.fileName);
  const head = await readHead(read);
  if (head.length === 0) throw new SluiceError("file_empty");
  const types = judge(head, part.declaredType?.slice(0, 255) ?? null, fileName);

  let byteLength = 0;
  let failure: SluiceError | undefined;
  const fail = (error: unknown) => {
    failure = error instanceof SluiceError ? error : new SluiceError("file_incomplete", { cause: error });
    return failure;
  };
  const measure = (chunk: Buffer) => {
    byteLength += chunk.length;
    if (byteLength > target.maxBytes) throw fail(new SluiceError("file_too_large"));
    return chunk;
  };
  let turn: NodeJS.Timeout | undefined;
  let giveUp = (_reason: SluiceError) => {};
  const silence = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const storagesTurn = () => {
    clearTimeout(turn);
    const late = () => giveUp(new SluiceError("storage_unavailable", { cause: new Error("Storage is silent") }));
    turn = setTimeout(late, target.silenceMs ?? usualSilenceMs);
  };
  async function* measured() {
    storagesTurn();
    yield measure(head);
    for (;;) {
      clearTimeout(turn);
      const next = await read().catch((error: unknown) => Promise.reject(fail(error)));
      storagesTurn();
      if (next.done === true) return;
      yield measure(next.value);
    }
  }

  const objectPath = `${target.organizationId}/${randomUUID()}`;
  // Counted in chunks: as a web stream, a byte stream would be, and hold as many chunks as it should hold bytes.
  const body = Readable.from(measured(), { highWaterMark: 4 });
  // Its errors are ours to report; without a listener one that comes late would end the process.
  body.on("error", () => {});
  try {
    await Promise.race([target.objects.upload(objectPath, body, types.mediaType), silence]);
    if (failure !== undefined) throw failure;
  } catch (error) {
    body.destroy();
    removeQuietly(target.objects, [objectPath]);
    throw failure ?? error;
  } finally {
    clearTimeout(turn);
  }
  return { objectPath, contentHash: hash.copy().digest("hex"), byteLength, ...types, fileName };
}

/** Best effort: what is left is found and removed by the supervisor. */
export function removeQuietly(objects: Objects, paths: string[]): void {
  if (paths.length > 0) objects.remove(paths).catch(() => {});
}
