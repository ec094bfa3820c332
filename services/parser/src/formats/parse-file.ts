import { open } from "node:fs/promises";
import { type ParseSummary, SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import type { Format, Limits, Sink, Source } from "./format.js";
import { OutputWriter } from "./output-writer.js";
import { formats } from "./registry.js";

/** Enough of a file to know what it is. */
const headLength = 16_384;

export interface FileToParse {
  file: string;
  declaredType: string | null;
}

/** Reads one file, whatever it is, into the sink. Fails with a `SluiceError`, always. */
export async function parseFile(job: FileToParse, sink: Sink, limits: Limits): Promise<ParseSummary> {
  const { source, format } = await identify(job);
  const out = new OutputWriter(sink, limits);
  if (contradicts(format, job.declaredType)) out.warn("declared_type_wrong");
  try {
    await format.parse(source, out, limits);
  } catch (error) {
    throw asFailure(error);
  }
  const { children, ...totals } = await out.finish();
  if (totals.sections === 0 && children === 0) throw new SluiceError("document_empty");
  return { format: format.name, mediaType: source.mediaType, ...totals };
}

async function identify(job: FileToParse): Promise<{ source: Source; format: Format }> {
  const handle = await open(job.file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(headLength, size)), 0, undefined, 0);
    if (size === 0) throw new SluiceError("document_empty");
    const found = sniff(buffer.subarray(0, bytesRead))?.mediaType;
    const mediaType = found && refine(found, bareType(job.declaredType));
    const format = formats.find((candidate) => mediaType && candidate.mediaTypes.includes(mediaType));
    if (!mediaType || !format) throw new SluiceError("document_type_unsupported");
    return { source: { path: job.file, size, mediaType, declaredType: job.declaredType }, format };
  } finally {
    await handle.close();
  }
}

/** Text that is declared as Markdown or as (a fragment of) HTML is taken at its word: content can't contradict it. */
function refine(found: string, declared: string | null): string {
  return found === "text/plain" && (declared === "text/markdown" || declared === "text/html") ? declared : found;
}

function bareType(declared: string | null): string | null {
  return declared?.split(";")[0]?.trim().toLowerCase() || null;
}

function contradicts(format: Format, declaredType: string | null): boolean {
  const declared = bareType(declaredType);
  if (!declared || declared === "application/octet-stream") return false;
  return ![...format.mediaTypes, ...(format.aliases ?? [])].includes(declared);
}

/** Nothing of the file may be in an error, so what a library says is dropped and only its meaning kept. */
function asFailure(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const { name, message = "", code } = error as Partial<NodeJS.ErrnoException>;
  if (name === "RangeError") {
    if (/call stack/i.test(message)) return new SluiceError("limit_nesting");
    if (/allocation|buffer length/i.test(message)) return new SluiceError("limit_memory");
    if (/string length/i.test(message)) return new SluiceError("limit_expanded_size");
  }
  if (code === "ERR_STRING_TOO_LONG" || code === "ERR_BUFFER_TOO_LARGE") return new SluiceError("limit_expanded_size");
  // The disk's trouble is not the document's.
  if (code && /^E[A-Z]+$/.test(code)) return new SluiceError("internal_error", { cause: error });
  return new SluiceError("document_corrupt", { cause: error });
}
