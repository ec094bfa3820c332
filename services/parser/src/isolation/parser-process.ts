import { type ChildProcess, fork } from "node:child_process";
import {
  type ErrorCode,
  errorCodes,
  type FoundChild,
  type Page,
  type ParseSummary,
  type Section,
  SluiceError,
} from "@sluice/contracts";
import { residentMegabytes } from "./memory.js";
import type { FromWorker, ToWorker, WorkerJob } from "./protocol.js";

/** Where a parse's output goes, in batches; the parser waits for each call. */
export interface ParseSink {
  sections(batch: Section[]): Promise<void>;
  pages(batch: Page[]): Promise<void>;
  child(child: FoundChild): Promise<void>;
}

export interface ProcessLimits {
  /** Wall time of one parse. */
  timeoutMs: number;
  /** Resident memory of the process. */
  memoryMb: number;
}

const memoryCheckMs = 100;
/** The heap's share; buffers and native code live beside it. */
const heapShare = 0.75;

/** One child process, which parses one file at a time and may be killed at any moment. */
export class ParserProcess {
  documents = 0;
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #limits: ProcessLimits;
  readonly #exited: Promise<void>;
  #onMessage: (message: FromWorker) => void = () => {};
  #ended = false;
  /** Whether the parse in hand was ended by the process itself, with a summary or a code. */
  #answered = true;
  /** Why it was killed, where that was on purpose. */
  #verdict: ErrorCode | undefined;

  constructor(script: URL, limits: ProcessLimits) {
    this.#limits = limits;
    this.#child = fork(script, {
      serialization: "advanced",
      // Nothing of the service's environment: keys are in it.
      env: { TZ: "UTC" },
      execArgv: [`--max-old-space-size=${Math.round(limits.memoryMb * heapShare)}`],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    // What it prints may hold a document's text; only the heap's last word is listened for.
    let tail = "";
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      tail = (tail + chunk.toString("latin1")).slice(-8_192);
      if (/out of memory/i.test(tail)) this.#verdict ??= "limit_memory";
    });
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

  async memoryMb(): Promise<number> {
    return residentMegabytes(this.#child.pid);
  }

  /** Fails with the parse's code, with the code of the limit that was passed, or with the signal's reason. */
  async parse(job: WorkerJob, sink: ParseSink, signal?: AbortSignal): Promise<ParseSummary> {
    await this.ready;
    signal?.throwIfAborted();
    this.documents += 1;
    this.#answered = false;
    const deadline = setTimeout(() => this.#condemn("limit_time"), this.#limits.timeoutMs);
    const watch = setInterval(() => void this.#watchMemory(), memoryCheckMs);
    let abort = () => {};
    try {
      return await new Promise<ParseSummary>((resolve, reject) => {
        abort = () => {
          reject(signal?.reason);
          this.#child.kill("SIGKILL");
        };
        signal?.addEventListener("abort", abort);
        this.#onMessage = (message) => this.#receive(message, sink, resolve, reject);
        void this.#exited.then(() => reject(new SluiceError(this.#verdict ?? "parser_crashed")));
        this.#send({ type: "parse", job });
      });
    } finally {
      clearTimeout(deadline);
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
      this.#onMessage = () => {};
    }
  }

  /** Ends the process, if it has not ended. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #receive(
    message: FromWorker,
    sink: ParseSink,
    resolve: (summary: ParseSummary) => void,
    reject: (error: unknown) => void,
  ): void {
    const deliver = (delivery: Promise<void>) => {
      delivery.then(() => this.#send({ type: "acknowledged" }), reject);
    };
    if (message.type === "sections") deliver(sink.sections(message.batch));
    else if (message.type === "pages") deliver(sink.pages(message.batch));
    else if (message.type === "child") deliver(sink.child(message.child));
    else {
      this.#answered = true;
      if (message.type === "done") resolve(message.summary);
      else if (message.type === "failed") {
        reject(new SluiceError(errorCodes.find((code) => code === message.code) ?? "internal_error"));
      }
    }
  }

  #send(message: ToWorker): void {
    // The channel may close between two messages; the exit tells why.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #condemn(code: ErrorCode): void {
    this.#verdict ??= code;
    this.#child.kill("SIGKILL");
  }

  async #watchMemory(): Promise<void> {
    if ((await this.memoryMb()) > this.#limits.memoryMb) this.#condemn("limit_memory");
  }
}
