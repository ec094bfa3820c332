import { SluiceError } from "@sluice/contracts";
import type { EmbeddingProvider } from "./provider.js";

interface Waiting {
  text: string;
  tokens: number;
  resolve: (vector: Float32Array) => void;
  reject: (error: unknown) => void;
}

export interface Request {
  inputs: number;
  tokens: number;
  latencyMs: number;
  error?: unknown;
}

export interface Batcher {
  /** The vectors of the texts, each with its token count, in order; they share requests with whatever else is in hand. */
  embed(texts: readonly { text: string; tokens: number }[]): Promise<Float32Array[]>;
  /** Breaks off what is under way. */
  destroy(): void;
}

/**
 * Gathers the texts of all documents in hand into requests as large as the provider takes. A request leaves when it is full or
 * its oldest text has waited for `lingerMs`; at most `concurrency` are under way. A request that fails rejects the texts in it.
 */
export function createBatcher(
  provider: EmbeddingProvider,
  options: { lingerMs: number; concurrency: number; onRequest: (request: Request) => void },
): Batcher {
  const queue: Waiting[] = [];
  const stop = new AbortController();
  let underWay = 0;
  /** The oldest text has waited long enough. */
  let due = false;
  let timer: NodeJS.Timeout | undefined;

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

  async function send(batch: Waiting[]): Promise<void> {
    const began = performance.now();
    const report = (more: Partial<Request>) =>
      options.onRequest({
        inputs: batch.length,
        tokens: batch.reduce((sum, each) => sum + each.tokens, 0),
        latencyMs: performance.now() - began,
        ...more,
      });
    try {
      const { vectors, tokens } = await provider.embed(
        batch.map((each) => each.text),
        { signal: stop.signal },
      );
      report(tokens > 0 ? { tokens } : {});
      for (const [i, each] of batch.entries()) each.resolve(vectors[i] as Float32Array);
    } catch (error) {
      report({ error });
      if (batch.length > 1 && error instanceof SluiceError && error.code === "embedding_input_refused") {
        // One text spoils the request: found by halving, so that the others don't fail with it.
        const half = Math.ceil(batch.length / 2);
        await send(batch.slice(0, half));
        await send(batch.slice(half));
        return;
      }
      for (const each of batch) each.reject(error);
    }
  }

  function pump(): void {
    const full = () =>
      queue.length >= provider.limits.inputs ||
      queue.reduce((sum, each) => sum + each.tokens, 0) >= provider.limits.tokens;
    while (underWay < options.concurrency && queue.length > 0 && (due || full())) {
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
    embed(texts) {
      const all = texts.map(
        ({ text, tokens }) =>
          new Promise<Float32Array>((resolve, reject) => queue.push({ text, tokens, resolve, reject })),
      );
      pump();
      return Promise.all(all);
    },
    destroy() {
      clearTimeout(timer);
      stop.abort();
    },
  };
}
