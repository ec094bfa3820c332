import { createHash, type Hash } from "node:crypto";
import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { SluiceError, toSluiceError, type UploadFields } from "@sluice/contracts";
import type { Request } from "express";
import { hasBody } from "../http/problems.js";
import { createFieldReader } from "./fields.js";
import { type FileTarget, removeQuietly, type StoredFile, storeFile } from "./store-file.js";
import { createTurnstile } from "./turnstile.js";

/** What became of one file part. */
export type ReceivedFile = { stored: StoredFile } | { problem: SluiceError };
export interface Received {
  fields: UploadFields;
  /** In the order of the request, up to where it was read. */
  files: ReceivedFile[];
  /**
   * SHA-256, hex, of the fields and of each file's name, type and bytes, in order; the same for the same form, whatever became of its
   * files, as long as it was read to its end.
   */
  digest: string;
}

/** Where files go that are only to be looked at. */
export const nowhere: FileTarget["objects"] = {
  async upload(_path, body) {
    for await (const _chunk of body);
  },
  remove: async () => {},
};

/** File parts of one request that are stored at the same time. */
const concurrency = 4;
const maxFields = 1_000;
/** All fields of a form together, in fields of the largest size. */
const fieldsShare = 4;

const invalid = (path: string, message: string, cause?: unknown) =>
  new SluiceError("request_invalid", { cause, errors: [{ path, message }] });

function createParser(request: Request, options: { maxFieldBytes: number; maxFiles: number }): BusboyInstance {
  if (!hasBody(request)) throw new SluiceError("file_missing");
  if (!request.is("multipart/form-data")) throw new SluiceError("content_type_unsupported");
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      isPartAFile: (name, type, fileName) =>
        name === "file" || fileName !== undefined || type === "application/octet-stream",
      limits: { fieldSize: options.maxFieldBytes, fields: maxFields, parts: maxFields + options.maxFiles + 1 },
    });
  } catch (cause) {
    throw invalid("Content-Type", "Names no boundary", cause);
  }
}

/** Reads what is left of a part and keeps only its hash; false when that is more than `atMost`. */
async function drain(chunks: AsyncIterator<Buffer>, hash: Hash, atMost: number): Promise<boolean> {
  for (let passed = 0; passed <= atMost; ) {
    const next = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
    if (next.done === true) return true;
    hash.update(next.value);
    passed += next.value.length;
  }
  return false;
}

/**
 * Reads a form to its end, storing its files as they come. Nothing is accepted here: fields may follow files, so what the request
 * means is known when all of it is here. Throws when the request as a whole can't be taken, after removing what was stored.
 *
 * A file that can't be taken is passed over, within the size of a file, so that there is an answer for each of the others. While no
 * file is stored yet there is nobody to wait for: then a file too large, or Storage out of reach, ends the reading.
 */
export async function receiveUpload(
  request: Request,
  options: FileTarget & { maxFieldBytes: number; maxFiles: number },
): Promise<Received> {
  const parser = createParser(request, options);
  const fields = createFieldReader(options.maxFieldBytes * fieldsShare);
  const fieldsHash = createHash("sha256");
  const fileHashes: string[] = [];
  const inTurn = createTurnstile(concurrency);
  const files: Promise<ReceivedFile>[] = [];
  const parts = new Set<Readable>();
  /** Why the request as a whole is refused, and why its reading ended early with an answer for each file so far. */
  let failure: SluiceError | undefined;
  let cutAt: number | undefined;

  const received = await new Promise<void>((resolve) => {
    const halt = (reason: SluiceError) => {
      request.unpipe(parser);
      for (const part of parts) part.destroy(reason);
      resolve();
    };
    const fail = (error: SluiceError) => {
      failure ??= error;
      halt(failure);
    };
    const passOver = async (index: number, problem: SluiceError, chunks: AsyncIterator<Buffer>, hash: Hash) => {
      if (failure !== undefined || cutAt !== undefined) return;
      if (problem.code === "file_incomplete") return fail(problem);
      if (problem.code === "file_too_large" || problem.kind === "outage") {
        const earlier = await Promise.all(files.slice(0, index));
        if (!earlier.some((file) => "stored" in file)) {
          cutAt = index;
          return halt(problem);
        }
      }
      if (!(await drain(chunks, hash, options.maxBytes))) fail(problem);
    };
    const receiveFile = (index: number, part: Readable, about: { fileName?: string; declaredType?: string }) =>
      inTurn(async (): Promise<ReceivedFile> => {
        const chunks: AsyncIterator<Buffer> = part.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
        const hash = createHash("sha256");
        try {
          return { stored: await storeFile(chunks, about, options, hash) };
        } catch (error) {
          const problem = toSluiceError(error);
          await passOver(index, problem, chunks, hash);
          return { problem };
        } finally {
          const { fileName = null, declaredType = null } = about;
          fileHashes[index] = JSON.stringify([fileName, declaredType, hash.copy().digest("hex")]);
          parts.delete(part);
        }
      });

    parser.on("field", (name, value, _nameTruncated, truncated) => {
      if (failure !== undefined) return;
      fieldsHash.update(JSON.stringify([name, value]));
      try {
        fields.add(name, value, truncated);
      } catch (error) {
        fail(toSluiceError(error));
      }
    });
    parser.on("file", (name, part, fileName, _encoding, declaredType) => {
      // An error may come when nobody is reading; without a listener it would end the process.
      part.on("error", () => {});
      if (name !== "file") fields.refuse(name ?? "", "Files are parts named `file`");
      if (files.length >= options.maxFiles) fields.refuse("file", `More than ${options.maxFiles} files in one request`);
      const problem = failure ?? fields.problem();
      if (problem === undefined && cutAt === undefined) {
        parts.add(part);
        files.push(receiveFile(files.length, part, { fileName, declaredType }));
        return;
      }
      part.resume();
      if (problem !== undefined) fail(problem);
    });
    parser.on("error", (cause) => {
      const broken = parts.size > 0 ? new SluiceError("file_incomplete", { cause }) : undefined;
      fail(broken ?? invalid("", "The form is not valid multipart/form-data", cause));
    });
    parser.on("partsLimit", () => fail(invalid("", "Too many parts")));
    parser.on("fieldsLimit", () => fail(invalid("", "Too many fields")));
    parser.on("finish", () => resolve());
    // Also when all of it had arrived: what nobody had read yet is gone with the connection.
    const brokenOff = () => {
      if (!request.readableEnded) fail(new SluiceError("file_incomplete"));
    };
    request.once("close", brokenOff).once("error", brokenOff);
    if (request.destroyed) brokenOff();
    else request.pipe(parser);
  }).then(() => Promise.all(files));

  const stored = received.flatMap((file) => ("stored" in file ? [file.stored.objectPath] : []));
  if (cutAt === undefined) failure ??= fields.problem();
  if (failure !== undefined || cutAt !== undefined) removeQuietly(options.objects, stored);
  if (failure !== undefined) throw failure;
  if (received.length === 0) throw new SluiceError("file_missing");
  const digest = createHash("sha256").update(fieldsHash.digest()).update(fileHashes.join("\n")).digest("hex");
  // What came after the file that ended the reading, in the same breath, was not looked at.
  return cutAt === undefined
    ? { fields: fields.read(), files: received, digest }
    : { fields: {}, files: received.slice(0, cutAt + 1), digest };
}
