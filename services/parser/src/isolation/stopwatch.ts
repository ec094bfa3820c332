/** Ends a run after a time that does not count what it waits for others. */
export class Stopwatch {
  readonly #limitMs: number;
  readonly #expired: () => void;
  #leftMs: number;
  #since = 0;
  #holds = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, expired: () => void) {
    this.#limitMs = limitMs;
    this.#leftMs = limitMs;
    this.#expired = expired;
    this.#run();
  }

  /** Stops while `work` is under way, and however much other work beside it. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    if (this.#holds++ === 0) this.#stop();
    try {
      return await work();
    } finally {
      this.#holds -= 1;
      if (this.#holds === 0) this.#run();
    }
  }

  /** Begins anew: something was finished that won't have to be done again. */
  restart(): void {
    this.#leftMs = this.#limitMs;
    this.#since = performance.now();
    if (this.#holds === 0) this.#run();
  }

  destroy(): void {
    clearTimeout(this.#timer);
    this.#holds = Number.POSITIVE_INFINITY;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#since;
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#since = performance.now();
    this.#timer = setTimeout(this.#expired, Math.max(0, this.#leftMs));
  }
}
