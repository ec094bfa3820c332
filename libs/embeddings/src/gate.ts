export interface Gate {
  /** Milliseconds until requests may leave again; 0 when they may. */
  remainingMs(): number;
  /**
   * The provider limits the rate: nothing leaves for this long, or for longer each time where it does not say. Answers how much
   * longer that is than was known.
   */
  close(retryAfterMs: number | undefined): number;
  /** Nothing leaves for this long, so that the provider has no reason to refuse. */
  rest(ms: number): void;
  /** It is closed by our own pace, not by a refusal. */
  isPaced(): boolean;
  /** A request succeeded. */
  passed(): void;
  /** Refused, and nothing has succeeded since: one request at a time finds out whether the limit is over. */
  wary(): boolean;
}

const [firstMs, longestMs] = [1_000, 60_000];

/** Holds back all requests to a provider that limits the rate: it counts them together, whichever document they are for. */
export function createGate(): Gate {
  let opensAt = 0;
  let refusedUntil = 0;
  let refusals = 0;
  const remainingMs = () => Math.max(0, opensAt - performance.now());
  return {
    remainingMs,
    close(retryAfterMs) {
      // Requests that were under way together are refused together: that is one refusal.
      if (refusedUntil <= performance.now()) refusals += 1;
      const ms = retryAfterMs ?? Math.min(longestMs, firstMs * 2 ** (Math.max(1, refusals) - 1));
      const longer = Math.max(0, ms - remainingMs());
      opensAt = Math.max(opensAt, performance.now() + ms);
      refusedUntil = Math.max(refusedUntil, performance.now() + ms);
      return longer;
    },
    rest(ms) {
      opensAt = Math.max(opensAt, performance.now() + ms);
    },
    isPaced: () => refusedUntil <= performance.now(),
    passed() {
      refusals = 0;
    },
    wary: () => refusals > 0,
  };
}
