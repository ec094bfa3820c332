import { SluiceError, toSluiceError } from "@sluice/contracts";
import { createAsker, type Request } from "./asker.js";
import { AnsweredFailure, type EmbeddingProvider } from "./provider.js";

interface Waiting {
  text: string;
  tokens: number;
  patientUntil: number;
  resolve: (vector: Float32Array) => void;
  reject: (error: unknown) => void;
}

export interface Batcher {
  /**
   * The vectors of the texts, each with its token count, in order; they share requests with whatever else is in hand. While the
   * provider limits the rate they wait if that is over before `patientUntil` (of `performance.now()`; usually in five seconds), else they are rejected with
   * `embedding_rate_limited` and the time that is left.
   */
  embed(texts: readonly { text: string; tokens: number }[], patientUntil?: number): Promise<Float32Array[]>;
  /** Breaks off what is under way. */
  destroy(): void;
}

const usualPatienceMs = 5_000;

/**
 * Gathers the texts of all documents in hand into requests as large as the provider takes. A request leaves when it is full or
 * its oldest text has waited for `lingerMs`; at most `concurrency` are under way. A request that fails rejects the texts in it,
 *
 *   unless one of them may be at fault   the request is halved, so that the others don't fail with it: when the provider refuses it,
 *                                        or fails while it is well otherwise. A lone text that it fails on twice is `embedding_input_failed`
 *   unless the rate is limited           no request leaves until the limit is over
 */
export function createBatcher(
  provider: EmbeddingProvider,
  options: {
    lingerMs: number;
    concurrency: number;
    onRequest: (request: Request) => void;
    /** The provider limits the rate, for this long more than was known. */
    onLimited?: (ms: number) => void;
  },
): Batcher {
  const queue: Waiting[] = [];
  const stop = new AbortController();
  const { gate, ask, isWell } = createAsker(provider, { ...options, signal: stop.signal });
  let underWay = 0;
  /** The oldest text has waited long enough. */
  let due = false;
  let timer: NodeJS.Timeout | undefined;
  let opening: NodeJS.Timeout | undefined;

  function take(): Waiting[] {
    let tokens = 0;
    let n = 0;
    while (n < queue.length && n < provider.limits.inputs) {
      tokens += queue[n]?.tokens ?? 0;
      if (n > 0 && tokens > provider.limits.tokens) break;
      n += 1;
    }
    return queue.splice(0, n);
  }

  /** Keeps what can wait until the provider allows requests again, before all else; gives back the rest. */
  function hold(batch: Waiting[]): void {
    const all = [...batch, ...queue.splice(0)];
    const remainingMs = gate.remainingMs();
    const opensAt = performance.now() + remainingMs;
    for (const each of all) {
      if (each.patientUntil >= opensAt) queue.push(each);
      else each.reject(new SluiceError("embedding_rate_limited", { retryAfterMs: Math.max(1_000, remainingMs) }));
    }
  }

  /** `since`: successes from then on say that the provider is well, should it fail on this. */
  async function send(batch: Waiting[], since = performance.now()): Promise<void> {
    const began = performance.now();
    if (gate.remainingMs() > 0) return hold(batch);
    try {
      const vectors = await ask(batch);
      for (const [i, each] of batch.entries()) each.resolve(vectors[i] as Float32Array);
    } catch (error) {
      if (toSluiceError(error).code === "embedding_rate_limited") return hold(batch);
      if (batch.length === 1) return judge(batch, error);
      if (!(await mayBeOneText(error, since))) return reject(batch, error);
      const half = Math.ceil(batch.length / 2);
      await send(batch.slice(0, half), began);
      await send(batch.slice(half), began);
    }
  }

  async function mayBeOneText(error: unknown, since: number): Promise<boolean> {
    if (error instanceof AnsweredFailure) return isWell(since);
    return toSluiceError(error).code === "embedding_input_refused";
  }

  /** A lone text is at fault when the provider fails on it, is well, and fails on it again. */
  async function judge(lone: Waiting[], error: unknown): Promise<void> {
    if (!(error instanceof AnsweredFailure) || !(await isWell(performance.now()))) return reject(lone, error);
    if (gate.remainingMs() > 0) return hold(lone);
    try {
      const [vector] = await ask(lone);
      lone[0]?.resolve(vector as Float32Array);
    } catch (again) {
      if (toSluiceError(again).code === "embedding_rate_limited") return hold(lone);
      const blamed = again instanceof AnsweredFailure;
      reject(lone, blamed ? new SluiceError("embedding_input_failed", { cause: again.cause }) : again);
    }
  }

  function reject(batch: Waiting[], error: unknown): void {
    for (const each of batch) each.reject(error);
  }

  /** Looks again when the provider allows requests. What has waited for that has waited long enough. */
  function waitForOpening(): void {
    opening ??= setTimeout(() => {
      opening = undefined;
      due = true;
      pump();
    }, gate.remainingMs());
  }

  function pump(): void {
    if (gate.remainingMs() > 0) {
      if (queue.length > 0) waitForOpening();
      return;
    }
    const full = () =>
      queue.length >= provider.limits.inputs ||
      queue.reduce((sum, each) => sum + each.tokens, 0) >= provider.limits.tokens;
    const places = () => (gate.wary() ? 1 : options.concurrency);
    while (underWay < places() && queue.length > 0 && (due || full())) {
      underWay += 1;
      send(take()).finally(() => {
        underWay -= 1;
        pump();
      });
    }
    if (queue.length > 0 && !due) {
      timer ??= setTimeout(() => {
        timer = undefined;
        due = true;
        pump();
      }, options.lingerMs);
    } else if (queue.length === 0) {
      due = false;
      clearTimeout(timer);
      timer = undefined;
    }
  }

  return {
    embed(texts, patientUntil = performance.now() + usualPatienceMs) {
      const all = texts.map(
        ({ text, tokens }) =>
          new Promise<Float32Array>((resolve, reject) => queue.push({ text, tokens, patientUntil, resolve, reject })),
      );
      if (gate.remainingMs() > 0) hold([]);
      pump();
      return Promise.all(all);
    },
    destroy() {
      clearTimeout(timer);
      clearTimeout(opening);
      stop.abort();
    },
  };
}
