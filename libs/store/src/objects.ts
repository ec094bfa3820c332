import { Readable } from "node:stream";
import { SluiceError } from "@sluice/contracts";
import { DatabaseError, type Rpc } from "./rpc.js";

const bucket = "originals";

function failure(call: string, error: { name?: string; status?: number; statusCode?: string | number }): SluiceError {
  const status = Number(error.status ?? error.statusCode ?? 0);
  const cause = new DatabaseError(call, status, error.name);
  if (status === 404 || (status === 400 && call === "storage.download"))
    return new SluiceError("original_missing", { cause });
  // Storage's own limit, which may be lower than ours: asking again would not help.
  if (status === 413) return new SluiceError("file_too_large", { cause });
  return new SluiceError("storage_unavailable", { cause });
}

/** Originals in Supabase Storage. Paths are `<organization>/<random id>`: no name of a file or a patient. Bytes are streamed. */
export function createObjects(rpc: Rpc) {
  const storage = () => rpc.client.storage.from(bucket);
  return {
    /** Stores a stream under a path that must be new. */
    async upload(path: string, body: Readable, contentType: string): Promise<void> {
      const stream = Readable.toWeb(body) as ReadableStream<Uint8Array>;
      const { error } = await storage()
        .upload(path, stream as never, { contentType, upsert: false, duplex: "half" })
        .catch((cause: unknown) => ({ error: { name: cause instanceof Error ? cause.name : "unknown" } }));
      if (error !== null) throw failure("storage.upload", error);
    },
    /** Throws `original_missing` when there is no such object. */
    async download(path: string, signal?: AbortSignal): Promise<Readable> {
      const { data, error } = await storage().download(path, undefined, { signal }).asStream();
      if (error !== null) throw failure("storage.download", error);
      return Readable.fromWeb(data as never);
    },
    /** Removing what is not there is well. At most 1,000 paths. */
    async remove(paths: string[]): Promise<void> {
      if (paths.length === 0) return;
      const { error } = await storage().remove(paths);
      if (error !== null) throw failure("storage.remove", error);
    },
    /** A link that works for `seconds`; whoever has it can read the original. `fileName`: what a browser saves it as. */
    async signedUrl(path: string, seconds: number, fileName?: string): Promise<string> {
      const { url, headers } = rpc.endpoint;
      const answer = await fetch(new URL(`/storage/v1/object/sign/${bucket}/${path}`, url), {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ expiresIn: seconds }),
        signal: AbortSignal.timeout(10_000),
      }).catch((cause: unknown) => {
        throw failure("storage.sign", { name: cause instanceof Error ? cause.name : "unknown" });
      });
      if (!answer.ok) throw failure("storage.sign", { status: answer.status });
      const link = new URL(signedPath(await answer.json()), url);
      if (fileName !== undefined) link.searchParams.set("download", fileName);
      return link.href;
    },
  };
}

/** supabase-js reads `signedURL`, a path below /storage/v1; Supabase Lite answers `signedUrl`, the whole path. */
function signedPath(answer: unknown): string {
  const { signedURL, signedUrl } = answer as { signedURL?: string; signedUrl?: string };
  if (signedUrl !== undefined) return signedUrl;
  if (signedURL !== undefined) return `/storage/v1${signedURL}`;
  throw failure("storage.sign", { status: 200 });
}
