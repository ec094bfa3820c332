import { defaultLimits, type Limits } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";
import type { Engine } from "../recognition/engine.js";
import { type ParseEnd, ParserProcess, type ParseSink, type ProcessLimits } from "./parser-process.js";

export interface ParseJob extends FileToParse {
  /** An existing folder for the bytes of children; the caller empties it. */
  scratchDir: string;
}

export interface PoolOptions extends ProcessLimits {
  /** How many files are parsed at once. */
  size: number;
  limits: Limits;
  /** elsewhere: a page that needs recognition ends the run · none: it stays a picture · otherwise what recognises it, here */
  recognition: "elsewhere" | "none" | Engine;
  /** Documents after which a process is replaced by a fresh one. */
  maxDocuments: number;
  /** What the processes run; tests put misbehaving ones here. */
  script: URL;
}

const defaults: PoolOptions = {
  size: 1,
  timeoutMs: 60_000,
  memoryMb: 768,
  maxDocuments: 500,
  limits: defaultLimits,
  recognition: "none",
  script: new URL("./worker.js", import.meta.url),
};

/** A process that keeps more than this share of its memory between documents is replaced. */
const idleMemoryShare = 0.5;

/**
 * Parses files in child processes: a file that hangs, swells or crashes its parser costs one process and one error, and
 * the next file finds a fresh one. More calls than `size` wait their turn.
 */
export class ParserPool {
  readonly #options: PoolOptions;
  readonly #idle: ParserProcess[] = [];
  readonly #processes = new Set<ParserProcess>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #destroyed = false;

  constructor(options: Partial<PoolOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** From the next file on, pages are recognised here. */
  recogniseWith(engine: Engine): void {
    this.#options.recognition = engine;
  }

  /** Starts the first process, so that the first document does not pay for it. */
  async start(): Promise<void> {
    this.#keepOneWarm();
    await this.#idle[0]?.ready;
  }

  /**
   * Parses one file. Fails with a `SluiceError`: the format's code, `limit_time`, `limit_memory`, or `parser_crashed`;
   * with the sink's own error when the sink fails; with the signal's reason when it is aborted.
   */
  async parse(job: ParseJob, sink: ParseSink, signal?: AbortSignal): Promise<ParseEnd> {
    const { limits, recognition } = this.#options;
    await this.#takeTurn(signal);
    try {
      const parser = this.#idle.pop() ?? this.#spawn();
      try {
        return await parser.parse({ ...job, limits, recognition }, sink, signal);
      } finally {
        await this.#giveBack(parser);
      }
    } finally {
      this.#endTurn();
    }
  }

  /** Kills what runs and fails what waits; no process is left. May be called again. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([...this.#processes].map((parser) => parser.kill()));
  }

  async #takeTurn(signal?: AbortSignal): Promise<void> {
    while (this.#busy >= this.#options.size && !this.#destroyed && !signal?.aborted) {
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
        const giveUp = () => {
          this.#waiting.splice(this.#waiting.indexOf(wake) >>> 0, 1);
          wake();
        };
        signal?.addEventListener("abort", giveUp, { once: true });
      });
    }
    // One that was woken and does not want its turn passes it on.
    if (this.#destroyed || signal?.aborted) this.#waiting.shift()?.();
    if (this.#destroyed) throw new Error("The pool is destroyed.");
    signal?.throwIfAborted();
    this.#busy += 1;
  }

  #endTurn(): void {
    this.#busy -= 1;
    this.#waiting.shift()?.();
  }

  #spawn(): ParserProcess {
    const parser = new ParserProcess(this.#options.script, this.#options);
    this.#processes.add(parser);
    return parser;
  }

  /** Back among the idle, or gone: after a failure of its own, after many documents, or when it has grown. */
  async #giveBack(parser: ParserProcess): Promise<void> {
    const { maxDocuments, memoryMb } = this.#options;
    const isFresh = parser.documents < maxDocuments && parser.idleMemoryMb() < memoryMb * idleMemoryShare;
    if (parser.reusable && isFresh && !this.#destroyed) {
      this.#idle.push(parser);
      return;
    }
    await parser.kill();
    this.#processes.delete(parser);
    this.#keepOneWarm();
  }

  #keepOneWarm(): void {
    if (!this.#destroyed && this.#idle.length === 0) this.#idle.push(this.#spawn());
  }
}
