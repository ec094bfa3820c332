/**
 * Runs work that must be done within `ms` milliseconds, or, where it says now and then that something `moved`, within so long of that.
 * Then, or when `outer` aborts, its signal aborts and the promise is rejected with the reason (of a deadline: a `TimeoutError`), whether
 * the work minds its signal or not.
 *
 * Not `AbortSignal.any` over `AbortSignal.timeout`: such a timeout may be garbage-collected, and then never comes (Node 20).
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal, moved: () => void) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const { signal } = own;
  const timer = setTimeout(() => own.abort(new DOMException("This took too long.", "TimeoutError")), ms);
  const pass = () => own.abort(outer?.reason);
  outer?.addEventListener("abort", pass, { once: true });
  try {
    outer?.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return await Promise.race([work(signal, () => void timer.refresh()), aborted]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", pass);
  }
}
