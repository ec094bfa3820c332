import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type FoundChild, SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import type { Store, StoredChild, Task } from "@sluice/store";

function hashing() {
  const hash = createHash("sha256");
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, digest: () => hash.digest("hex"), bytes: () => bytes };
}

/** Fetches an original to disk. Throws `original_altered` when it is not, byte for byte, what was accepted. */
export async function fetchOriginal(
  objects: Store["objects"],
  task: Task,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const { stream, digest } = hashing();
  const body = await objects.download(task.objectPath, signal);
  try {
    await pipeline(body, stream, createWriteStream(file, { mode: 0o600 }), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new SluiceError("storage_unavailable", { cause: error });
  }
  if (digest() !== task.contentHash) throw new SluiceError("original_altered");
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
): Promise<StoredChild> {
  const objectPath = `${organizationId}/${randomUUID()}`;
  const { stream, digest, bytes } = hashing();
  const mediaType = sniff(await head(child.file))?.mediaType ?? null;
  const body = new PassThrough();
  await Promise.all([
    pipeline(createReadStream(child.file), stream, body),
    objects.upload(objectPath, body, mediaType ?? "application/octet-stream"),
  ]);
  return {
    path: child.path,
    objectPath,
    contentHash: digest(),
    byteLength: bytes(),
    declaredType: child.declaredType,
    mediaType,
    fileName: child.fileName,
  };
}
