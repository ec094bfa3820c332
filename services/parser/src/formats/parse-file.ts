import { open } from "node:fs/promises";
import { type ParseSummary, SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import type { Recognition } from "../recognition/recogniser.js";
import { OutputWriter } from "../writing/output-writer.js";
import { asFailure } from "./failure.js";
import type { Format, Limits, Sink, Source } from "./format.js";
import { createProbe, type Probe } from "./probe.js";
import { formats } from "./registry.js";

/** Enough of a file to know what it is. */
const headLength = 16_384;

export interface FileToParse {
  file: string;
  declaredType: string | null;
}

/** Reads one file, whatever it is, into the sink. Fails with a `SluiceError`, or ends with `RecognitionNeeded`. */
export async function parseFile(
  job: FileToParse,
  sink: Sink,
  limits: Limits,
  recognition?: Recognition,
): Promise<ParseSummary> {
  const out = new OutputWriter(sink, limits, recognition);
  try {
    const { source, format } = await identify(job, limits);
    if (contradicts(format, job.declaredType)) out.warn("declared_type_wrong");
    await format.parse(source, out, limits);
    const { children, ...totals } = await out.finish();
    if (totals.counts.sections === 0 && children === 0) {
      const isIllegible = totals.warnings.some(({ code }) => code === "page_illegible");
      throw new SluiceError(isIllegible ? "document_illegible" : "document_empty");
    }
    return { format: format.name, mediaType: source.mediaType, ...totals };
  } catch (error) {
    throw asFailure(error);
  }
}

async function identify(job: FileToParse, limits: Limits): Promise<{ source: Source; format: Format }> {
  const { head, size } = await readHead(job.file);
  if (size === 0) throw new SluiceError("document_empty");
  const judged = sniff(head);
  if (!judged) throw new SluiceError("document_type_unsupported");
  const format = await recognise(createProbe(job.file, head, judged, bareType(job.declaredType), limits));
  const mediaType = format.mediaTypes.find((each) => each === judged.mediaType) ?? format.mediaTypes[0] ?? "";
  return { source: { path: job.file, size, mediaType, declaredType: job.declaredType }, format };
}

/** The format of the family that is surest. */
async function recognise(probe: Probe): Promise<Format> {
  let best: { format: Format; score: number } | undefined;
  for (const format of formats.filter(({ family }) => family === probe.family)) {
    const score = await format.recognise(probe);
    if (score !== null && score > (best?.score ?? 0)) best = { format, score };
  }
  if (!best) throw new SluiceError((await isLocked(probe)) ? "document_encrypted" : "document_type_unsupported");
  return best.format;
}

async function isLocked(probe: Probe): Promise<boolean> {
  return probe.family === "zip" && (await probe.zipMembers()).some(({ encrypted }) => encrypted);
}

async function readHead(file: string): Promise<{ head: Uint8Array; size: number }> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(headLength, size)), 0, undefined, 0);
    return { head: buffer.subarray(0, bytesRead), size };
  } finally {
    await handle.close();
  }
}

function bareType(declared: string | null): string | null {
  return declared?.split(";")[0]?.trim().toLowerCase() || null;
}

function contradicts(format: Format, declaredType: string | null): boolean {
  const declared = bareType(declaredType);
  if (!declared || declared === "application/octet-stream") return false;
  return ![...format.mediaTypes, ...(format.aliases ?? [])].includes(declared);
}
