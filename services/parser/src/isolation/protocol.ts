import type { FoundChild, Page, ParseSummary, Section } from "@sluice/contracts";
import type { Limits } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";

/**
 * What crosses the process boundary. Nothing of a document is in a failure: only its code. Batches wait for their
 * acknowledgement, so a slow reader slows the parser down instead of filling memory.
 */
export interface WorkerJob extends FileToParse {
  /** Where children's bytes are put. */
  scratchDir: string;
  limits: Limits;
}

export type ToWorker = { type: "parse"; job: WorkerJob } | { type: "acknowledged" };

export type FromWorker =
  | { type: "ready" }
  | { type: "sections"; batch: Section[] }
  | { type: "pages"; batch: Page[] }
  | { type: "child"; child: FoundChild }
  | { type: "done"; summary: ParseSummary }
  | { type: "failed"; code: string };
