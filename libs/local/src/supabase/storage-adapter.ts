import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { App } from "@supabase/lite";

type StorageAdapter = NonNullable<App["_storageAdapter"]>;
type ObjectMetadata = Awaited<ReturnType<StorageAdapter["headObject"]>>;

/** Makes what was written in a folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/**
 * Supabase Lite's storage on the file system: 0.10 does not export one. Objects are streamed, never held whole; an upload is in
 * place or not at all.
 */
export function createStorageAdapter(base: string): StorageAdapter {
  const root = resolve(base);
  const pathOf = (bucket: string, key: string): string => {
    const path = resolve(root, bucket, key);
    if (!path.startsWith(join(root, bucket) + sep)) throw new Error("The path leaves its bucket.");
    return path;
  };
  const describe = async (path: string): Promise<ObjectMetadata> => {
    const { size, mtime } = await stat(path);
    return {
      cacheControl: "no-cache",
      contentLength: size,
      size,
      mimetype: "application/octet-stream",
      lastModified: mtime,
      eTag: `"${size.toString(16)}-${mtime.getTime().toString(16)}"`,
      httpStatusCode: 200,
    };
  };
  const remove = (bucket: string, key: string) => rm(pathOf(bucket, key), { force: true });

  return {
    driver: null,
    async uploadObject(bucket, key, _version, body, contentType, cacheControl) {
      const path = pathOf(bucket, key);
      const temporary = join(root, ".incoming", randomUUID());
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await mkdir(dirname(temporary), { recursive: true, mode: 0o700 });
      try {
        const source = body instanceof Uint8Array ? Readable.from([body]) : Readable.fromWeb(body as never);
        await pipeline(source, createWriteStream(temporary, { mode: 0o600, flush: true }));
        await rename(temporary, path);
        await syncFolder(dirname(path));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      return { ...(await describe(path)), cacheControl, mimetype: contentType };
    },
    async getObject(bucket, key) {
      const path = pathOf(bucket, key);
      const metadata = await describe(path);
      return { metadata, httpStatusCode: 200, body: Readable.toWeb(createReadStream(path)) as never };
    },
    headObject: (bucket, key) => describe(pathOf(bucket, key)),
    deleteObject: (bucket, key) => remove(bucket, key),
    async deleteObjects(bucket, keys) {
      for (const key of keys) await remove(bucket, key);
    },
    async copyObject(sourceBucket, source, _version, bucket, destination) {
      const path = pathOf(bucket, destination);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await copyFile(pathOf(sourceBucket, source), path);
      const { eTag, lastModified } = await describe(path);
      return { httpStatusCode: 200, eTag, lastModified };
    },
    privateAssetUrl: async (bucket, key) => `file://${pathOf(bucket, key)}`,
  };
}
