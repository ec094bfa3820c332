import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type ErrorCode, SluiceError } from "@sluice/contracts";
import { DatabaseError, type Rpc } from "./rpc.js";

const bucket = "originals";

interface Refusal {
  name?: string;
  message?: string;
  /** Of HTTP: 400 for nearly everything that Storage refuses. */
  status?: number;
  /** What Storage means; in some versions the name of a code. */
  statusCode?: string | number;
}

const namedStatuses: Record<string, number> = {
  NoSuchKey: 404,
  NoSuchBucket: 404,
  AccessDenied: 403,
  InvalidJWT: 403,
  SignatureDoesNotMatch: 403,
  EntityTooLarge: 413,
  InvalidMimeType: 415,
};

/** The object is gone, as far as Storage itself says so: a 404 of anybody else's (a wrong address, a proxy) says nothing about it. */
function isObjectMissing({ status, statusCode, message }: Refusal): boolean {
  if (message === "Bucket not found" || statusCode === "NoSuchBucket") return false;
  return status === 400 || message === "Object not found" || statusCode === "NoSuchKey";
}

function outcomeOf(error: Refusal | null): "ok" | "refused" | "unavailable" {
  if (error === null) return "ok";
  return error.status !== undefined && error.status < 500 ? "refused" : "unavailable";
}

/** What Storage's refusal comes to. What is not known is an outage: nothing is lost by waiting. */
function codeOf(call: string, status: number, refusal: Refusal): ErrorCode {
  switch (status) {
    case 401:
    case 403:
      return "storage_unauthorized";
    case 404: {
      const reads = call === "storage.download" || call === "storage.sign";
      return reads && isObjectMissing(refusal) ? "original_missing" : "storage_misconfigured";
    }
    case 413:
      // Storage's own limit, which may be lower than ours: asking again would not help.
      return "file_too_large";
    case 415:
      return "storage_misconfigured";
    default:
      // 409 among them: paths are random, so it is none of ours that is there, and the next try takes another path.
      return "storage_unavailable";
  }
}

function failure(call: string, error: Refusal): SluiceError {
  const meant = namedStatuses[error.statusCode ?? ""] ?? Number(error.statusCode ?? Number.NaN);
  const status = Number.isNaN(meant) ? Number(error.status ?? 0) : meant;
  return new SluiceError(codeOf(call, status, error), { cause: new DatabaseError(call, status, error.name) });
}

/**
 * The file that the embedded Supabase keeps an object in, `<bucket>/<2 hex digits>/<hash>`: a key is hashed, so that none leaves its bucket, is too
 * long for a file name, collides with a folder, or shows what is stored.
 */
export function objectFile(folder: string, inBucket: string, key: string): string {
  const name = createHash("sha256").update(key).digest("hex");
  return join(folder, inBucket, name.slice(0, 2), name);
}

/** An object of a Storage on this machine, read where it lies; undefined when it is not there. */
async function local(folder: string, key: string, signal?: AbortSignal): Promise<Readable | undefined> {
  try {
    return (await open(objectFile(folder, bucket, key))).createReadStream({ signal });
  } catch {
    return undefined;
  }
}

/**
 * Originals in Supabase Storage. Paths are `<organization>/<random id>`: no name of a file or a patient. Bytes are streamed. All calls
 * throw `storage_unavailable`, or what somebody has to mend first: `storage_unauthorized`, `storage_misconfigured`.
 */
export function createObjects(rpc: Rpc, folder?: string) {
  const storage = () => rpc.client.storage.from(bucket);
  const measured = <T extends { error: object | null }>(operation: string, request: () => Promise<T>) =>
    rpc.measured(operation, request, ({ error }) => outcomeOf(error));

  async function sign(call: string, path: string, body: object): Promise<URL> {
    const { url, headers } = rpc.endpoint;
    const answer = await fetch(new URL(path, url), {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    }).catch((cause: unknown) => {
      throw failure(call, { name: cause instanceof Error ? cause.name : "unknown" });
    });
    if (answer.ok) return new URL(signedPath(call, await answer.json()), url);
    const refusal = ((await answer.json().catch(() => null)) ?? {}) as {
      statusCode?: string;
      code?: string;
      message?: string;
    };
    throw failure(call, {
      status: answer.status,
      statusCode: refusal.statusCode ?? refusal.code,
      message: refusal.message,
    });
  }

  return {
    /** Stores a stream under a path that must be new. Throws `file_too_large` where Storage's limit is lower than ours. */
    async upload(path: string, body: Readable, contentType: string): Promise<void> {
      const stream = Readable.toWeb(body) as ReadableStream<Uint8Array>;
      const { error } = await measured("storage.upload", () =>
        storage()
          .upload(path, stream as never, { contentType, upsert: false, duplex: "half" })
          .catch((cause: unknown) => ({ error: { name: cause instanceof Error ? cause.name : "unknown" } })),
      );
      if (error !== null) throw failure("storage.upload", error);
    },
    /** Throws `original_missing` when there is no such object. */
    async download(path: string, signal?: AbortSignal): Promise<Readable> {
      const found = folder === undefined ? undefined : await local(folder, path, signal);
      if (found !== undefined) return found;
      const { data, error } = await measured("storage.download", async () =>
        storage().download(path, undefined, { signal }).asStream(),
      );
      if (error !== null) throw failure("storage.download", error);
      return Readable.fromWeb(data as never);
    },
    /** Removing what is not there is well. At most 1,000 paths. */
    async remove(paths: string[]): Promise<void> {
      if (paths.length === 0) return;
      const { error } = await measured("storage.remove", () => storage().remove(paths));
      if (error !== null) throw failure("storage.remove", error);
    },
    /** A link that works for `seconds`; whoever has it can read the original. `fileName`: what a browser saves it as. */
    async signedUrl(path: string, seconds: number, fileName?: string): Promise<string> {
      const link = await sign("storage.sign", `/storage/v1/object/sign/${bucket}/${path}`, { expiresIn: seconds });
      if (fileName !== undefined) link.searchParams.set("download", fileName);
      return link.href;
    },
    /** A link under which a file can be put once, at a path that must be new; Storage ends it after two hours. */
    async signedUploadUrl(path: string): Promise<string> {
      return (await sign("storage.sign_upload", `/storage/v1/object/upload/sign/${bucket}/${path}`, {})).href;
    },
  };
}

/** Storage answers a path below /storage/v1 (`signedURL`, and `url` for uploads); Supabase Lite the whole path (`signedUrl`). */
function signedPath(call: string, answer: unknown): string {
  const { signedURL, signedUrl, url } = answer as { signedURL?: string; signedUrl?: string; url?: string };
  if (signedUrl !== undefined) return signedUrl;
  const below = signedURL ?? url;
  if (below !== undefined) return `/storage/v1${below}`;
  throw failure(call, {});
}
