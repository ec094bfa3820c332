import { type ChildProcess, fork } from "node:child_process";
import {
  type ErrorCode,
  errorCodes,
  type ParsedRows,
  type ParseSummary,
  rowKinds,
  SluiceError,
  WrittenRows,
  WrittenSummary,
} from "@sluice/contracts";
import type { Trace } from "../formats/failure.js";
import { ownMegabytes, residentMegabytes } from "./memory.js";
import type { FromWorker, ParentCalls, SerialisedRows, ToWorker, WorkerJob } from "./protocol.js";
import { Stopwatch } from "./stopwatch.js";

/** Where a parse's output goes, batch after batch, and where recognised pages are kept. */
export interface ParseSink extends Omit<ParentCalls, "rows"> {
  rows(batch: ParsedRows): Promise<void>;
}

/** How a run ended: with everything handed on, or at a page that has to be recognised elsewhere. */
export type ParseEnd = { outcome: "parsed"; summary: ParseSummary } | { outcome: "needs_recognition" };

export interface ProcessLimits {
  /** Wall time of one parse, without what its sink takes; each recognised page gets as much again. */
  timeoutMs: number;
  /** Resident memory of the process and of those that it starts. */
  memoryMb: number;
}

const memoryCheckMs = 100;
/** The heap's share; buffers and native code live beside it. */
const heapShare = 0.75;
/**
 * Where its limit is low, V8 gives what is young little room and collects all of the heap whenever that has grown by a half, which
 * costs a long document a fifth of its time. With these it is nearer to what it does where there is no limit.
 */
const semiSpaceMb = 32;
const heapGrowthPercent = 100;

/** One child process, which parses one file at a time and may be killed at any moment. */
export class ParserProcess {
  documents = 0;
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #limits: ProcessLimits;
  readonly #exited: Promise<void>;
  #onMessage: (message: FromWorker) => void = () => {};
  #ended = false;
  /** Whether the parse in hand was ended by the process itself, and its state can be trusted. */
  #answered = true;
  /** Why it was killed, where that was on purpose. */
  #verdict: ErrorCode | undefined;

  constructor(script: URL, limits: ProcessLimits) {
    this.#limits = limits;
    this.#child = fork(script, {
      serialization: "advanced",
      // Nothing of the service's environment: keys are in it.
      env: { TZ: "UTC" },
      execArgv: [
        `--max-old-space-size=${Math.round(limits.memoryMb * heapShare)}`,
        `--max-semi-space-size=${semiSpaceMb}`,
        `--heap-growing-percent=${heapGrowthPercent}`,
      ],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // A group of its own, so that what it starts is ended with it.
      detached: true,
    });
    // What it prints may hold a document's text; only the heap's last word is listened for.
    let tail = "";
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      tail = (tail + chunk.toString("latin1")).slice(-8_192);
      if (/out of memory/i.test(tail)) this.#verdict ??= "limit_memory";
    });
    // What it started may hold its output open.
    this.#child.once("exit", () => this.#kill());
    this.#exited = new Promise((resolve) => {
      const end = () => {
        this.#ended = true;
        resolve();
      };
      this.#child.once("close", end);
      this.#child.on("error", () => this.#child.pid === undefined && end());
    });
    this.ready = new Promise((resolve) => {
      this.#child.on("message", (message: FromWorker) => {
        if (message.type === "ready") resolve();
        else this.#onMessage(message);
      });
      void this.#exited.then(resolve);
    });
  }

  /** Whether it can take another file. */
  get reusable(): boolean {
    return !this.#ended && this.#child.connected && this.#answered;
  }

  /** Resident memory while nothing runs, in megabytes. */
  idleMemoryMb(): number {
    return ownMegabytes(this.#child.pid);
  }

  /** Fails with the parse's code, with the code of the limit that was passed, or with the signal's reason. */
  async parse(job: WorkerJob, sink: ParseSink, signal?: AbortSignal): Promise<ParseEnd> {
    await this.ready;
    signal?.throwIfAborted();
    this.documents += 1;
    this.#answered = false;
    const clock = new Stopwatch(this.#limits.timeoutMs, () => this.#condemn("limit_time"));
    const watch = setInterval(() => void this.#watchMemory(), memoryCheckMs);
    let abort = () => {};
    try {
      return await new Promise<ParseEnd>((resolve, reject) => {
        abort = () => {
          reject(signal?.reason);
          this.#kill();
        };
        signal?.addEventListener("abort", abort);
        this.#onMessage = (message) => this.#receive(message, sink, clock, resolve, reject);
        void this.#exited.then(() => reject(new SluiceError(this.#verdict ?? "parser_crashed")));
        this.#send({ type: "parse", job });
      });
    } finally {
      clock.destroy();
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
      this.#onMessage = () => {};
    }
  }

  /** Ends the process, if it has not ended. */
  async kill(): Promise<void> {
    this.#kill();
    await this.#exited;
  }

  #receive(
    message: FromWorker,
    sink: ParseSink,
    clock: Stopwatch,
    resolve: (end: ParseEnd) => void,
    reject: (error: unknown) => void,
  ): void {
    if (message.type === "call") {
      clock
        .without(() => answer(message, sink))
        .then((value) => {
          if (message.name === "keepRecognised") clock.restart();
          this.#send({ type: "answer", id: message.id, value });
        })
        .catch(reject);
    } else if (message.type === "done") {
      const summary = WrittenSummary.safeParse(message.summary);
      const rows = rowsOf(message.rows);
      this.#answered = summary.success && rows !== null;
      if (!summary.success || rows === null) reject(new SluiceError("parser_failed"));
      else
        clock
          .without(() => handOn(rows, sink))
          .then(() => resolve({ outcome: "parsed", summary: summary.data }))
          .catch(reject);
    } else if (message.type === "needs_recognition") {
      this.#answered = true;
      resolve({ outcome: "needs_recognition" });
    } else if (message.type === "failed") {
      const code = errorCodes.find((each) => each === message.code) ?? "internal_error";
      // After a fault of ours nothing is known of its state.
      this.#answered = code !== "parser_failed" && code !== "internal_error";
      reject(new SluiceError(code, { cause: message.trace && new ParserFault(message.trace) }));
    }
  }

  #send(message: ToWorker): void {
    // The channel may close between two messages; the exit tells why.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #condemn(code: ErrorCode): void {
    this.#verdict ??= code;
    this.#kill();
  }

  /** The process and all of its group. */
  #kill(): void {
    if (this.#ended || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      this.#child.kill("SIGKILL");
    }
  }

  async #watchMemory(): Promise<void> {
    if ((await residentMegabytes(this.#child.pid)) > this.#limits.memoryMb) this.#condemn("limit_memory");
  }
}

/** Nothing but rows as they should be gets out of the process, whatever a file did to it. */
async function answer(call: Extract<FromWorker, { type: "call" }>, sink: ParseSink): Promise<unknown> {
  switch (call.name) {
    case "rows": {
      const rows = rowsOf(call.value);
      if (rows === null) throw new SluiceError("parser_failed");
      return handOn(rows, sink);
    }
    case "child":
      return sink.child(call.value);
    case "recognised":
      return sink.recognised(call.value);
    case "keepRecognised":
      return sink.keepRecognised(call.value);
  }
}

/** The rows, or null where they are not what a parser may hand on. */
function rowsOf(serialised: SerialisedRows): ParsedRows | null {
  try {
    const [tables, facts] = [serialised.tables, serialised.facts].map((json) => JSON.parse(`[${json}]`));
    return WrittenRows.safeParse({ ...serialised, tables, facts }).data ?? null;
  } catch {
    return null;
  }
}

async function handOn(rows: ParsedRows, sink: ParseSink): Promise<void> {
  if (rowKinds.some((kind) => rows[kind].length > 0)) await sink.rows(rows);
}

/** Where in the child process a parse failed, for the log. */
class ParserFault extends Error {
  constructor({ name, frames }: Trace) {
    super("in the parser");
    this.name = name;
    this.stack = [`${name}: ${this.message}`, ...frames.map((frame) => `    at ${frame}`)].join("\n");
  }
}
