import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { objectFile } from "@sluice/store";
import type { App } from "@supabase/lite";

type StorageAdapter = NonNullable<App["_storageAdapter"]>;
type ObjectMetadata = Awaited<ReturnType<StorageAdapter["headObject"]>>;

/** What Lite keeps of an object in `storage.objects`. */
export interface StoredMetadata {
  mimetype?: string;
  cacheControl?: string;
}

/** Makes what was written in a folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/**
 * Supabase Lite's storage on the file system: 0.10 does not export one, nor pass ranges on. Objects are streamed, never held whole; an
 * upload is in place or not at all.
 */
export function createStorageAdapter(options: {
  folder: string;
  /** Lite asks its adapter for an object's type and keeps it in the database. */
  metadata: (bucket: string, key: string) => Promise<StoredMetadata | undefined>;
}): StorageAdapter {
  const root = resolve(options.folder);
  const incoming = join(root, ".incoming");
  const pathOf = (bucket: string, key: string): string => {
    if (!/^[\w-][\w .-]*$/.test(bucket)) throw new Error("no such bucket");
    return objectFile(root, bucket, key);
  };
  const describe = async (bucket: string, key: string): Promise<ObjectMetadata> => {
    const { size, mtime } = await stat(pathOf(bucket, key));
    const { mimetype = "application/octet-stream", cacheControl = "no-cache" } =
      (await options.metadata(bucket, key)) ?? {};
    const eTag = `"${size.toString(16)}-${mtime.getTime().toString(16)}"`;
    return { cacheControl, contentLength: size, size, mimetype, lastModified: mtime, eTag, httpStatusCode: 200 };
  };
  const remove = (bucket: string, key: string) => rm(pathOf(bucket, key), { force: true });
  /** Has a file written aside and puts it in its place at once. */
  const place = async (path: string, write: (temporary: string) => Promise<void>) => {
    const temporary = join(incoming, randomUUID());
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    try {
      await write(temporary);
      await rename(temporary, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };

  return {
    driver: null,
    async uploadObject(bucket, key, _version, body, contentType, cacheControl) {
      await place(pathOf(bucket, key), (temporary) => {
        const source = body instanceof Uint8Array ? Readable.from([body]) : Readable.fromWeb(body as never);
        return pipeline(source, createWriteStream(temporary, { mode: 0o600, flush: true }));
      });
      return { ...(await describe(bucket, key)), cacheControl, mimetype: contentType };
    },
    async getObject(bucket, key) {
      const metadata = await describe(bucket, key);
      return {
        metadata,
        httpStatusCode: 200,
        body: Readable.toWeb(createReadStream(pathOf(bucket, key))) as never,
      };
    },
    headObject: describe,
    deleteObject: remove,
    async deleteObjects(bucket, keys) {
      for (const key of keys) await remove(bucket, key);
    },
    async copyObject(sourceBucket, source, _version, bucket, destination) {
      await place(pathOf(bucket, destination), (temporary) => copyFile(pathOf(sourceBucket, source), temporary));
      const { eTag, lastModified } = await describe(bucket, destination);
      return { httpStatusCode: 200, eTag, lastModified };
    },
    privateAssetUrl: async (bucket, key) => `file://${pathOf(bucket, key)}`,
  };
}

/** Removes what uploads left that a kill cut off. */
export async function clearIncoming(folder: string): Promise<void> {
  await rm(join(folder, ".incoming"), { recursive: true, force: true });
}
