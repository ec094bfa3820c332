import type { Document, DocumentEvent } from "./api.js";
import { describeCode } from "./errors.js";
import type { Waits } from "./operations.js";
import type { Stage } from "./status.js";

const doing: Record<Stage, string> = { parse: "parsing", chunk: "chunking", embed: "embedding" };
const done: Record<Stage, string> = {
  parse: "Parsed",
  chunk: "Cut into chunks",
  embed: "Embedded; readers can find it",
};
const isStage = (stage: string | null): stage is Stage => stage !== null && stage in doing;

function took(ms: number | null): string {
  if (ms === null) return "";
  return ms < 10_000 ? ` in ${(ms / 1_000).toFixed(2)} s` : ` in ${Math.round(ms / 1_000)} s`;
}
const by = (worker: string | null) => (worker === null ? "" : ` by ${worker}`);

/** What happened to a document, in one sentence that holds nothing of its content. */
export function tell(
  event: Pick<DocumentEvent, "kind" | "stage" | "attempt" | "durationMs" | "worker" | "code">,
): string {
  const { stage, attempt, worker, code } = event;
  const what = isStage(stage) ? doing[stage] : "the work";
  const why = code === null ? "" : ` ${describeCode(code).title}`;
  switch (event.kind) {
    case "accepted":
      return "Accepted: it is durable from here on.";
    case "advanced":
      return `${isStage(stage) ? done[stage] : "Done"}${took(event.durationMs)}${by(worker)}${attempt > 1 ? `, at try ${attempt}` : ""}.`;
    case "moved":
      return `Pages have to be recognised${by(worker)}: moved to the queue ocr.`;
    case "retrying":
      return `Try ${attempt} of ${what} failed${took(event.durationMs)}${by(worker)}.${why} It is tried again.`;
    case "waiting":
      return `Waits before ${what}.${why}`;
    case "handed_back":
      return `The worker${worker === null ? "" : ` ${worker}`} was stopping and gave it back.`;
    case "requeued":
      return code === "worker_lost"
        ? `The worker${worker === null ? "" : ` ${worker}`} died or fell silent while ${what}; queued again.`
        : "Its job was lost from Redis; queued again.";
    case "failed":
      return `Given up at ${what}${by(worker)}, ${attempt} ${attempt === 1 ? "try" : "tries"}.${why}`;
    case "cancelled":
      return "Cancelled.";
    case "resumed":
      return `Taken up again at ${what}.`;
    case "deleted":
      return "Deleted, with all that was derived from it.";
    default:
      return `${event.kind}.${why}`;
  }
}

/** Where a document is now, and what can be done about it. */
export function tellNow(
  document: Pick<Document, "status" | "queue" | "error">,
  waits: Waits,
): { text: string; advice: string | null } {
  const { code } = waits;
  const known = code === null || code === undefined ? undefined : describeCode(code);
  const until = waits.until ? ` until ${waits.until}` : "";
  switch (waits.reason) {
    case "final":
      if (document.error !== null)
        return {
          text: `It failed: ${document.error.title}`,
          advice: `${document.error.advice} Then: sluice dead-letters replay`,
        };
      return document.status === "vectorized"
        ? { text: "It is done: readers find it.", advice: null }
        : {
            text: `It is ${document.status}.`,
            advice: document.status === "cancelled" ? "Send it again, or reprocess it." : null,
          };
    case "working":
      return { text: `${waits.worker ?? "A worker"} has it since ${waits.since}.`, advice: null };
    case "batch_paused":
      return { text: `Its batch is paused since ${waits.since}.`, advice: describeCode("batch_paused").advice };
    case "breaker":
      return {
        text: `The queue ${document.queue} is held up since ${waits.since}${waits.until ? `; one document tries at ${waits.until}` : ""}. ${known?.title ?? ""}`.trim(),
        advice: known?.advice ?? null,
      };
    case "delayed":
      return {
        text: `It waits${until} to be tried again. ${known?.title ?? ""}`.trim(),
        advice: known?.advice ?? null,
      };
    case "queued":
      return {
        text: `It is queued in ${document.queue} since ${waits.since}, and no worker has taken it yet.`,
        advice:
          "If that is long: are workers of that stage running, and are they busy? See sluice_queue_depth and sluice doctor.",
      };
    case "backlog":
      return {
        text: `It is in the backlog of ${document.queue} since ${waits.since}, behind ${waits.ahead ?? 0} of the same batch.`,
        advice: "It goes on as those before it are done; more workers of that stage make it faster.",
      };
  }
}
