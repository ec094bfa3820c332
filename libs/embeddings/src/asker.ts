import { toSluiceError } from "@sluice/contracts";
import { createGate, type Gate } from "./gate.js";
import type { Governor } from "./governor.js";
import { type EmbeddingProvider, RateLimited } from "./provider.js";

export interface Request {
  inputs: number;
  tokens: number;
  latencyMs: number;
  error?: unknown;
}

export interface Answer {
  vectors: Float32Array[];
  /** As the provider counts them; 0 where it does not. */
  tokens: number;
  latencyMs: number;
}

export interface Asker {
  gate: Gate;
  /** One request. */
  ask(texts: readonly { text: string; tokens: number }[]): Promise<Answer>;
  /**
   * Whether the provider is well apart from what it was just asked: something succeeded since then (of `performance.now()`), or a text
   * that can be nobody's fault does now. In an outage that is one request more in a while, however many fail.
   */
  isWell(since: number): Promise<boolean>;
}

/** Says nothing about anybody. */
const probe = [{ text: "ok", tokens: 1 }];
const believedMs = 5_000;

/** Asks a provider, and keeps in mind how it is. */
export function createAsker(
  provider: EmbeddingProvider,
  options: {
    signal: AbortSignal;
    governor?: Governor;
    onRequest: (request: Request) => void;
    onLimited?: (ms: number) => void;
  },
): Asker {
  const gate = createGate();
  const { governor } = options;
  let succeededAt = Number.NEGATIVE_INFINITY;
  let illUntil = Number.NEGATIVE_INFINITY;
  let probing: Promise<boolean> | undefined;

  async function ask(texts: readonly { text: string; tokens: number }[]): Promise<Answer> {
    const began = performance.now();
    const request = { inputs: texts.length, tokens: texts.reduce((sum, each) => sum + each.tokens, 0) };
    const latencyMs = () => performance.now() - began;
    try {
      const { vectors, tokens, rates } = await provider.embed(
        texts.map((each) => each.text),
        { signal: options.signal },
      );
      gate.passed();
      governor?.passed(rates ?? {});
      succeededAt = performance.now();
      illUntil = Number.NEGATIVE_INFINITY;
      options.onRequest({ ...request, latencyMs: latencyMs(), ...(tokens > 0 ? { tokens } : {}) });
      return { vectors, tokens, latencyMs: latencyMs() };
    } catch (error) {
      if (toSluiceError(error).code === "embedding_rate_limited") {
        const { retryAfterMs } = toSluiceError(error);
        governor?.refused({ retryAfterMs, ...(error instanceof RateLimited ? error.rates : {}) });
        const longer = gate.close(retryAfterMs);
        options.onLimited?.(longer);
      }
      options.onRequest({ ...request, latencyMs: latencyMs(), error });
      throw error;
    }
  }

  async function tryProbe(): Promise<boolean> {
    try {
      await ask(probe);
      return true;
    } catch {
      illUntil = performance.now() + believedMs;
      return false;
    } finally {
      probing = undefined;
    }
  }

  return {
    gate,
    ask,
    async isWell(since) {
      if (succeededAt >= since) return true;
      if (performance.now() < illUntil || gate.remainingMs() > 0) return false;
      probing ??= tryProbe();
      return probing;
    },
  };
}
