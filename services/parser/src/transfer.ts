import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type FoundChild, SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import { withDeadline } from "@sluice/runtime";
import type { Store, StoredChild, Task } from "@sluice/store";

function hashing(moved: () => void) {
  const hash = createHash("sha256");
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      moved();
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, digest: () => hash.digest("hex"), bytes: () => bytes };
}

/** Longest that Storage may be silent: no byte, no answer. The job's own limit is hours where pages are recognised. */
const silenceMs = 30_000;

/** A transfer that fails with `storage_unavailable` when it breaks off or nothing moves any more. */
async function whileMoving<T>(
  signal: AbortSignal,
  ms: number,
  work: (signal: AbortSignal, moved: () => void) => Promise<T>,
): Promise<T> {
  try {
    return await withDeadline(ms, signal, work);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SluiceError ? error : new SluiceError("storage_unavailable", { cause: error });
  }
}

/** Fetches an original to disk. Throws `original_altered` when it is not, byte for byte, what was accepted. */
export async function fetchOriginal(
  objects: Store["objects"],
  task: Pick<Task, "objectPath" | "contentHash">,
  file: string,
  signal: AbortSignal,
  patienceMs = silenceMs,
): Promise<void> {
  const found = await whileMoving(signal, patienceMs, async (within, moved) => {
    const { stream, digest } = hashing(moved);
    const body = await objects.download(task.objectPath, within);
    await pipeline(body, stream, createWriteStream(file, { mode: 0o600 }), { signal: within });
    return digest();
  });
  if (found !== task.contentHash) throw new SluiceError("original_altered");
}

const headBytes = 8_192;

async function head(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Stores a child's bytes under a random path; it is accepted when its parent's parse is sealed, or swept as an orphan. */
export async function storeChild(
  objects: Store["objects"],
  organizationId: string,
  child: FoundChild,
  signal: AbortSignal,
): Promise<StoredChild> {
  const objectPath = `${organizationId}/${randomUUID()}`;
  const mediaType = sniff(await head(child.file))?.mediaType ?? null;
  const { contentHash, byteLength } = await whileMoving(signal, silenceMs, async (within, moved) => {
    const [{ stream, digest, bytes }, body] = [hashing(moved), new PassThrough()];
    await Promise.all([
      pipeline(createReadStream(child.file), stream, body, { signal: within }),
      objects.upload(objectPath, body, mediaType ?? "application/octet-stream"),
    ]);
    return { contentHash: digest(), byteLength: bytes() };
  });
  return {
    path: child.path,
    objectPath,
    contentHash,
    byteLength,
    declaredType: child.declaredType,
    mediaType,
    fileName: child.fileName,
  };
}
