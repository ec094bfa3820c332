import type { FoundChild, ParsedRows, ParseSummary, RecognisedPage } from "@sluice/contracts";
import type { Trace } from "../formats/failure.js";
import type { Limits } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";
import type { Engine } from "../recognition/engine.js";

/**
 * What crosses the process boundary. The child makes numbered calls, several of which may be under way, and each is answered
 * with a value; a slow answer slows the parser down instead of filling memory. Nothing of a document is in a failure: its code,
 * and where in the parser's own code it came from.
 */
export interface WorkerJob extends FileToParse {
  /** Where children's bytes are put. */
  scratchDir: string;
  limits: Limits;
  /** elsewhere: a page that needs recognition ends the run · none: it stays a picture · otherwise what recognises it, here */
  recognition: "elsewhere" | "none" | Engine;
}

/**
 * Rows as they cross: what is mostly text as it is, what is mostly structure as JSON with commas between and without brackets, which
 * costs half of what objects would, and is garbage as soon as it is written.
 */
export interface SerialisedRows extends Pick<ParsedRows, "sections" | "pages"> {
  tables: string;
  facts: string;
}

/** What the child may ask of its parent, and what it is answered. */
export interface ParentCalls {
  rows(batch: SerialisedRows): Promise<void>;
  child(child: FoundChild): Promise<void>;
  recognised(page: { engine: string; page: number }): Promise<RecognisedPage | null>;
  keepRecognised(page: { engine: string; page: number; result: RecognisedPage }): Promise<void>;
}
export type CallName = keyof ParentCalls;
type CallMessage = {
  [N in CallName]: { type: "call"; id: number; name: N; value: Parameters<ParentCalls[N]>[0] };
}[CallName];

export type ToWorker = { type: "parse"; job: WorkerJob } | { type: "answer"; id: number; value: unknown };

export type FromWorker =
  | { type: "ready" }
  | CallMessage
  /** With the last rows: most documents have few, and a message more is most of what a short one costs. */
  | { type: "done"; summary: ParseSummary; rows: SerialisedRows }
  | { type: "needs_recognition" }
  | { type: "failed"; code: string; trace?: Trace };
