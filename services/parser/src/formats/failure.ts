import { fileURLToPath } from "node:url";
import { SluiceError } from "@sluice/contracts";
import { RecognitionNeeded } from "../recognition/recogniser.js";

/** Where in our own code an error came from; nothing of its message, which may quote the document. */
export interface Trace {
  name: string;
  /** `function (file:line:column)`, innermost first. */
  frames: string[];
}

const home = fileURLToPath(new URL("../..", import.meta.url));
/** A line of a stack with a place in this package, also where a source map was used. */
const line = /^(?:async )?(?:(.+?) )?\(?(?:file:\/\/)?([^\s()]+:\d+:\d+)\)?$/;
const maxFrames = 8;

/** What a parse failed with, as a code: what a library says is dropped and only its meaning kept. */
export function asFailure(error: unknown): Error {
  if (error instanceof SluiceError || error instanceof RecognitionNeeded) return error;
  const { name, message = "", code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (name === "RangeError") {
    if (/call stack/i.test(message)) return new SluiceError("limit_nesting");
    if (/allocation|buffer length/i.test(message)) return new SluiceError("limit_memory");
    if (/string length/i.test(message)) return new SluiceError("limit_expanded_size");
  }
  if (code === "ERR_STRING_TOO_LONG" || code === "ERR_BUFFER_TOO_LARGE") return new SluiceError("limit_expanded_size");
  // The disk's trouble is not the document's.
  if (code && /^E[A-Z]+$/.test(code)) return new SluiceError("internal_error", { cause: error });
  return new SluiceError(isFault(error) ? "parser_failed" : "document_corrupt", { cause: error });
}

export function traceOf(error: unknown): Trace | undefined {
  if (!(error instanceof Error)) return undefined;
  const frames = framesOf(error).flatMap((frame) => {
    const place = placeOf(frame);
    return place ? `${place.called} (${place.at})` : [];
  });
  return { name: error.name, frames: frames.slice(0, maxFrames) };
}

/**
 * An error in the program, raised by a line of ours: a damaged file may well lead there, but must not be blamed silently. What
 * libraries throw, whatever its class, is how they say that they can't read a file.
 */
function isFault(error: unknown): boolean {
  const isProgrammers =
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof URIError;
  if (!isProgrammers || "code" in error) return false;
  // What is built into the language has no place: the line that called it counts.
  const raisedAt = framesOf(error).find((frame) => !/<anonymous>\)?$/.test(frame));
  return raisedAt !== undefined && placeOf(raisedAt) !== undefined;
}

function placeOf(frame: string): { called: string; at: string } | undefined {
  const [, called = "<anonymous>", place = ""] = line.exec(frame) ?? [];
  if (!place.startsWith(home) || place.includes("node_modules", home.length)) return undefined;
  return { called, at: place.slice(home.length).replace(/^(dist|src)\//, "") };
}

function framesOf(error: Error): string[] {
  // The stack begins with the message, which may have lines that look like places.
  const stack = error.stack ?? "";
  const places = stack.slice(stack.indexOf(error.message) + error.message.length);
  return places.split("\n").flatMap((line) => /^\s+at (.+)$/.exec(line)?.[1] ?? []);
}
