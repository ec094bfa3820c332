import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { SluiceError, toSluiceError, type UploadFields } from "@sluice/contracts";
import type { Request } from "express";
import { createFieldReader } from "./fields.js";
import { type FileTarget, removeQuietly, type StoredFile, storeFile } from "./store-file.js";

/** What became of one file part. */
export type ReceivedFile = { stored: StoredFile } | { problem: SluiceError };
export interface Received {
  fields: UploadFields;
  /** In the order of the request; up to where it was read. */
  files: ReceivedFile[];
}

/** File parts of one request that are stored at the same time. */
const concurrency = 4;

function createParser(request: Request, options: { maxFieldBytes: number; maxFiles: number }): BusboyInstance {
  if (request.is("multipart/form-data") === false) throw new SluiceError("content_type_unsupported");
  if (request.is("multipart/form-data") === null) throw new SluiceError("file_missing");
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      isPartAFile: (name, type, fileName) =>
        name === "file" || fileName !== undefined || type === "application/octet-stream",
      limits: { fieldSize: options.maxFieldBytes, fields: 1_000, parts: 1_000 + options.maxFiles, headerSize: 16_384 },
    });
  } catch (cause) {
    const errors = [{ path: "Content-Type", message: "Names no boundary" }];
    throw new SluiceError("request_invalid", { cause, errors });
  }
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
  const fields = createFieldReader();
  const files: Promise<ReceivedFile>[] = [];
  const parts = new Set<Readable>();
  let failure: SluiceError | undefined;
  let cut = false;
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const halt = (reason: SluiceError) => {
    request.unpipe(parser);
    for (const part of parts) part.destroy(reason);
    stop();
  };
  const fail = (error: SluiceError) => {
    failure ??= error;
    halt(failure);
  };

  let free = concurrency;
  const waiting: (() => void)[] = [];
  async function take(): Promise<void> {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }
  const give = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };

  async function receiveFile(
    index: number,
    part: Readable,
    about: { fileName?: string; declaredType?: string },
  ): Promise<ReceivedFile> {
    const chunks = part.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    await take();
    try {
      return { stored: await storeFile(chunks, about, options) };
    } catch (error) {
      const problem = toSluiceError(error);
      await passOver(index, problem, chunks);
      return { problem };
    } finally {
      parts.delete(part);
      give();
    }
  }

  async function passOver(index: number, problem: SluiceError, chunks: AsyncIterator<Buffer>): Promise<void> {
    if (failure !== undefined || cut) return;
    if (problem.code === "file_incomplete") return fail(problem);
    if (problem.code === "file_too_large" || problem.kind === "outage") {
      const earlier = await Promise.all(files.slice(0, index));
      if (!earlier.some((file) => "stored" in file)) {
        cut = true;
        return halt(problem);
      }
    }
    for (let passed = 0; ; ) {
      const next = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
      if (next.done === true) return;
      passed += next.value.length;
      if (passed > options.maxBytes) return fail(problem);
    }
  }

  parser.on("field", (name, value, _nameTruncated, truncated) => fields.add(name, value, truncated));
  parser.on("file", (name, part, fileName, _encoding, declaredType) => {
    // An error may come when nobody is reading; without a listener it would end the process.
    part.on("error", () => {});
    if (name !== "file") fields.refuse(name ?? "", "Files are parts named `file`");
    if (files.length >= options.maxFiles) fields.refuse("file", `More than ${options.maxFiles} files in one request`);
    const problem = failure ?? fields.problem();
    if (problem !== undefined || cut) {
      part.resume();
      if (problem !== undefined) fail(problem);
      return;
    }
    parts.add(part);
    files.push(receiveFile(files.length, part, { fileName, declaredType }));
  });
  const malformed = (cause: unknown) => {
    const errors = [{ path: "", message: "The form is not valid multipart/form-data" }];
    fail(new SluiceError("request_invalid", { cause, errors }));
  };
  parser.on("error", malformed);
  parser.on("partsLimit", () => fail(new SluiceError("request_invalid", { errors: [{ path: "", message: "Too many parts" }] })));
  parser.on("fieldsLimit", () => fail(new SluiceError("request_invalid", { errors: [{ path: "", message: "Too many fields" }] })));
  parser.on("finish", () => stop());
  const brokenOff = () => {
    if (!request.complete) fail(new SluiceError("file_incomplete"));
  };
  request.once("close", brokenOff).once("error", brokenOff);
  request.pipe(parser);
  await stopped;
  const received = await Promise.all(files);
  failure ??= cut ? undefined : fields.problem();
  if (failure !== undefined) {
    removeQuietly(options.objects, received.flatMap((file) => ("stored" in file ? [file.stored.objectPath] : [])));
    throw failure;
  }
  if (files.length === 0) throw new SluiceError("file_missing");
  return { fields: cut ? {} : fields.read(), files: received };
}
