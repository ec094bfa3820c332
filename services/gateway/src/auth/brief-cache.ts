/**
 * Remembers answers for a moment, so that a burst of requests asks once. Only what `keep` says is worth it stays; a failed or a
 * negative answer is asked for again.
 */
export function createBriefCache<T>(options: {
  ttlMs: number;
  size: number;
  keep: (value: T) => boolean;
}): (key: string, load: () => Promise<T>) => Promise<T> {
  const entries = new Map<string, { value: Promise<T>; until: number }>();
  return (key, load) => {
    const known = entries.get(key);
    if (known !== undefined && known.until > performance.now()) return known.value;
    const value = load();
    const entry = { value, until: performance.now() + options.ttlMs };
    entries.delete(key);
    entries.set(key, entry);
    const forget = () => {
      if (entries.get(key) === entry) entries.delete(key);
    };
    value.then((loaded) => {
      if (!options.keep(loaded)) forget();
    }, forget);
    for (const oldest of entries.keys()) {
      if (entries.size <= options.size) break;
      entries.delete(oldest);
    }
    return value;
  };
}
