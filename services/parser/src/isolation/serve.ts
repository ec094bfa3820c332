import { Worker } from "node:worker_threads";
import { type ParseSummary, toSluiceError } from "@sluice/contracts";
import { traceOf } from "../formats/failure.js";
import type { Limits, Sink } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";
import type { Engine } from "../recognition/engine.js";
import { type Recogniser, type Recognition, RecognitionNeeded } from "../recognition/recogniser.js";
import { BatchingSink } from "./batching-sink.js";
import { Parent } from "./parent.js";
import type { FromWorker, ToWorker, WorkerJob } from "./protocol.js";

export type Parse = (job: FileToParse, sink: Sink, limits: Limits, recognition: Recognition) => Promise<ParseSummary>;

/** The child process's side: takes jobs one at a time until the parent is gone. A process has one recogniser, opened when it is first needed. */
export function serve(parse: Parse, openRecogniser: (engine: Engine) => Recogniser): void {
  const send = (message: FromWorker) => process.send?.(message);
  const parent = new Parent(send);
  let recogniser: Recogniser | undefined;

  function recognition(job: WorkerJob): Recognition {
    if (typeof job.recognition === "string") return { kind: job.recognition };
    recogniser ??= openRecogniser(job.recognition);
    return {
      kind: "here",
      recogniser,
      pages: {
        find: (engine, page) => parent.call("recognised", { engine, page }),
        keep: (engine, page, result) => parent.call("keepRecognised", { engine, page, result }),
      },
      // A parse that is given up ends with its process.
      signal: new AbortController().signal,
    };
  }

  async function run(job: WorkerJob): Promise<FromWorker> {
    const sink = new BatchingSink(job.scratchDir, parent);
    try {
      const summary = await parse(job, sink, job.limits, recognition(job));
      return { type: "done", summary, rows: await sink.rest() };
    } catch (error) {
      if (error instanceof RecognitionNeeded) return { type: "needs_recognition" };
      const failure = toSluiceError(error);
      return { type: "failed", code: failure.code, trace: traceOf(failure.cause) };
    }
  }

  process.on("message", async (message: ToWorker) => {
    if (message.type === "answer") parent.answered(message.id, message.value);
    else send(await run(message.job));
  });
  // Readers of PDF leave promises of their own behind on damaged files; what becomes of the file is told by the parse's own.
  process.on("unhandledRejection", () => {});
  process.on("disconnect", endGroup);
  exitWithParent();
  send({ type: "ready" });
}

/** This process leads its group: what it started goes with it. */
function endGroup(): void {
  try {
    process.kill(-process.pid, "SIGKILL");
  } finally {
    process.exit();
  }
}

/** A parse that never yields does not see the parent go, so a thread of its own looks for it. */
function exitWithParent(): void {
  const watch = `
    const parent = process.ppid;
    const end = (pid) => { try { process.kill(pid, "SIGKILL"); } catch {} };
    setInterval(() => { if (process.ppid !== parent) { end(-process.pid); end(process.pid); } }, 1000);`;
  new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}
