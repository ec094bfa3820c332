import { randomUUID } from "node:crypto";
import { type ErrorCode, SluiceError, toSluiceError } from "@sluice/contracts";
import { type Answer, createAsker, type Request } from "./asker.js";
import type { Governor, Share } from "./governor.js";
import { AnsweredFailure, type EmbeddingProvider } from "./provider.js";

/** What is to be embedded, and for whom. */
export interface Text {
  text: string;
  tokens: number;
  organizationId: string;
}

/** Who pays for requests, and keeps what they bring. */
export interface Books<T extends Text> {
  /** Before a request leaves: sets aside what it will cost. Answers the organizations whose texts must not be sent, and why. */
  reserve(request: string, shares: readonly Share[]): Promise<ReadonlyMap<string, SluiceError>>;
  /** Its vectors are there, one a text. Those who wait are told when this is done. */
  keep(request: string, texts: readonly T[], answer: Answer): Promise<void>;
  /** It brought nothing. `presumed`: nobody knows whether it was paid for. */
  release(request: string, presumed: boolean, latencyMs: number): Promise<void>;
}

interface Waiting<T> {
  item: T;
  patientUntil: number;
  /** Its organization has used its share until then. */
  readyAt: number;
  resolve: (vector: Float32Array) => void;
  reject: (error: unknown) => void;
}

export interface Batcher<T extends Text> {
  /**
   * The vectors of the texts in order, when all of them are settled; they share requests with whatever else is in hand. While the
   * provider limits the rate they wait if that is over before `patientUntil` (of `performance.now()`; usually in five seconds), else they are rejected with
   * `embedding_rate_limited` and the time that is left. For our own pace they wait two minutes longer.
   */
  embed(texts: readonly T[], patientUntil?: number): Promise<Float32Array[]>;
  /** Breaks off what is under way. */
  destroy(): void;
}

const usualPatienceMs = 5_000;
/** What is paced goes on steadily: as long as this, waiting is better than going back to the queue. */
const pacedPatienceMs = 120_000;

const textFaults: readonly ErrorCode[] = [
  "embedding_input_refused",
  "embedding_input_failed",
  "embedding_count_mismatch",
  "embedding_vector_invalid",
];

/** Whether a request failed on one of its texts, rather than for its provider or the limits. */
export const isTextsFault = (code: ErrorCode) => textFaults.includes(code);

/** Shares by organization: what is sent once of each text, and what that saves. */
function sharesOf(texts: readonly Text[]): Share[] {
  const shares = new Map<string, Share>();
  const sent = new Set(distinct(texts).once);
  for (const text of texts) {
    const { organizationId, tokens } = text;
    const share = shares.get(organizationId) ?? {
      organizationId,
      inputs: 0,
      tokens: 0,
      savedInputs: 0,
      savedTokens: 0,
    };
    if (sent.has(text)) {
      share.inputs += 1;
      share.tokens += tokens;
    } else {
      share.savedInputs += 1;
      share.savedTokens += tokens;
    }
    shares.set(organizationId, share);
  }
  return [...shares.values()];
}

/** Every organization's every text once, and where each of all is among them. */
function distinct<T extends Text>(texts: readonly T[]): { once: T[]; places: number[] } {
  const seen = new Map<string, number>();
  const once: T[] = [];
  const places = texts.map((each) => {
    const key = `${each.organizationId} ${each.text}`;
    const place = seen.get(key) ?? once.push(each) - 1;
    seen.set(key, place);
    return place;
  });
  return { once, places };
}

/**
 * Gathers the texts of all documents in hand into requests as large as the provider takes. A request leaves when it is full or
 * its oldest text has waited for `lingerMs`; at most `concurrency` are under way. A request that fails rejects the texts in it,
 *
 *   unless one of them may be at fault   the request is halved, so that the others don't fail with it: when the provider refuses it, answers
 *                                        with vectors of no use, or fails while it is well otherwise. A lone text that it fails on twice is `embedding_input_failed`
 *   unless the rate is limited           no request leaves until the limit is over
 */
export function createBatcher<T extends Text>(
  provider: EmbeddingProvider,
  options: {
    lingerMs: number;
    concurrency: number;
    books?: Books<T>;
    governor?: Governor;
    onRequest: (request: Request) => void;
    /** Nothing is sent for this long more than was known. */
    onLimited?: (ms: number) => void;
  },
): Batcher<T> {
  let queue: Waiting<T>[] = [];
  const stop = new AbortController();
  const { gate, ask, isWell } = createAsker(provider, { ...options, signal: stop.signal });
  const { books, governor } = options;
  let underWay = 0;
  /** The oldest text has waited long enough. */
  let due = false;
  let timer: NodeJS.Timeout | undefined;
  let opening: NodeJS.Timeout | undefined;
  let readying: NodeJS.Timeout | undefined;

  const isReady = (each: Waiting<T>) => each.readyAt <= performance.now();

  function take(): Waiting<T>[] {
    let tokens = 0;
    const taken: Waiting<T>[] = [];
    for (const each of queue) {
      if (!isReady(each)) continue;
      tokens += each.item.tokens;
      if (taken.length === provider.limits.inputs || (taken.length > 0 && tokens > provider.limits.tokens)) break;
      taken.push(each);
    }
    const gone = new Set(taken);
    queue = queue.filter((each) => !gone.has(each));
    return taken;
  }

  /** Keeps what can wait until requests may leave again, before all else; gives back the rest. */
  function hold(batch: Waiting<T>[]): void {
    const all = [...batch, ...queue];
    queue = [];
    const remainingMs = gate.remainingMs();
    const opensAt = performance.now() + remainingMs - (gate.isPaced() ? pacedPatienceMs : 0);
    for (const each of all) {
      if (each.patientUntil >= opensAt) queue.push(each);
      else each.reject(new SluiceError("embedding_rate_limited", { retryAfterMs: Math.max(1_000, remainingMs) }));
    }
  }

  /** Those of organizations that have used their share wait for more, or are given back. */
  function delay(batch: Waiting<T>[], waits: ReadonlyMap<string, number>): Waiting<T>[] {
    const others: Waiting<T>[] = [];
    const delayed: Waiting<T>[] = [];
    for (const each of batch) {
      const waitMs = waits.get(each.item.organizationId);
      if (waitMs === undefined) others.push(each);
      else {
        each.readyAt = performance.now() + waitMs;
        if (each.patientUntil + pacedPatienceMs >= each.readyAt) delayed.push(each);
        else each.reject(new SluiceError("embedding_share_used", { retryAfterMs: Math.max(1_000, waitMs) }));
      }
    }
    queue = [...delayed, ...queue];
    return others;
  }

  /** What of a batch may be sent now. */
  async function admit(request: string, batch: Waiting<T>[]): Promise<Waiting<T>[]> {
    const shares = (of: Waiting<T>[]) => sharesOf(of.map((each) => each.item));
    let left = batch;
    if (governor !== undefined)
      while (left.length > 0) {
        const { waitMs, organizations } = await governor.take(shares(left));
        if (waitMs > 0) {
          gate.rest(waitMs);
          options.onLimited?.(waitMs);
          hold(left);
          return [];
        }
        if (organizations.size === 0) break;
        left = delay(left, organizations);
      }
    if (books === undefined || left.length === 0) return left;
    const refused = await books.reserve(request, shares(left));
    for (const each of left) {
      const refusal = refused.get(each.item.organizationId);
      if (refusal !== undefined) each.reject(refusal);
    }
    return left.filter((each) => !refused.has(each.item.organizationId));
  }

  /** Asks for a batch's vectors and keeps them. */
  async function fetch(request: string, batch: Waiting<T>[]): Promise<void> {
    const texts = batch.map((each) => each.item);
    const { once, places } = distinct(texts);
    const began = performance.now();
    const answer = await ask(once).catch(async (error: unknown) => {
      const presumed = ["embedding_timeout", "embedding_disconnected"].includes(toSluiceError(error).code);
      // What is not released is counted as paid for when its time is over.
      await books?.release(request, presumed, performance.now() - began).catch(() => {});
      throw error;
    });
    const vectors = places.map((place) => answer.vectors[place] as Float32Array);
    await books?.keep(request, texts, { ...answer, vectors });
    for (const [i, each] of batch.entries()) each.resolve(vectors[i] as Float32Array);
  }

  /** `since`: successes from then on say that the provider is well, should it fail on this. */
  async function send(all: Waiting<T>[], since = performance.now()): Promise<void> {
    const began = performance.now();
    if (gate.remainingMs() > 0) return hold(all);
    let batch = all;
    try {
      const request = randomUUID();
      batch = await admit(request, all);
      if (batch.length > 0) await fetch(request, batch);
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
    const { code } = toSluiceError(error);
    return isTextsFault(code) && code !== "embedding_input_failed";
  }

  /** A lone text is at fault when the provider fails on it, is well, and fails on it again. */
  async function judge(lone: Waiting<T>[], error: unknown): Promise<void> {
    if (!(error instanceof AnsweredFailure) || !(await isWell(performance.now()))) return reject(lone, error);
    if (gate.remainingMs() > 0) return hold(lone);
    try {
      const request = randomUUID();
      if ((await admit(request, lone)).length > 0) await fetch(request, lone);
    } catch (again) {
      if (toSluiceError(again).code === "embedding_rate_limited") return hold(lone);
      const blamed = again instanceof AnsweredFailure;
      reject(lone, blamed ? new SluiceError("embedding_input_failed", { cause: again.cause }) : again);
    }
  }

  function reject(batch: Waiting<T>[], error: unknown): void {
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

  /** Looks again when the first of those that have used their share may go on. */
  function waitForShares(): void {
    const next = queue.reduce((least, each) => Math.min(least, each.readyAt), Number.POSITIVE_INFINITY);
    clearTimeout(readying);
    readying = setTimeout(
      () => {
        due = true;
        pump();
      },
      Math.max(1, next - performance.now()),
    );
  }

  function pump(): void {
    if (stop.signal.aborted) return;
    if (gate.remainingMs() > 0) {
      if (queue.length > 0) waitForOpening();
      return;
    }
    const full = (ready: Waiting<T>[]) =>
      ready.length >= provider.limits.inputs ||
      ready.reduce((sum, each) => sum + each.item.tokens, 0) >= provider.limits.tokens;
    const places = () => (gate.wary() ? 1 : options.concurrency);
    let ready = queue.filter(isReady);
    while (underWay < places() && ready.length > 0 && (due || full(ready))) {
      underWay += 1;
      send(take()).finally(() => {
        underWay -= 1;
        pump();
      });
      ready = queue.filter(isReady);
    }
    if (queue.length > ready.length) waitForShares();
    if (ready.length > 0 && !due) {
      timer ??= setTimeout(() => {
        timer = undefined;
        due = true;
        pump();
      }, options.lingerMs);
    } else if (ready.length === 0) {
      due = false;
      clearTimeout(timer);
      timer = undefined;
    }
  }

  return {
    async embed(texts, patientUntil = performance.now() + usualPatienceMs) {
      const all = texts.map(
        (item) =>
          new Promise<Float32Array>((resolve, reject) =>
            queue.push({ item, patientUntil, readyAt: 0, resolve, reject }),
          ),
      );
      if (gate.remainingMs() > 0) hold([]);
      pump();
      // What is under way for others of them is kept before anybody gives up.
      await Promise.allSettled(all);
      return Promise.all(all);
    },
    destroy() {
      clearTimeout(timer);
      clearTimeout(opening);
      clearTimeout(readying);
      stop.abort();
      reject(queue.splice(0), new SluiceError("embedding_unavailable"));
    },
  };
}
