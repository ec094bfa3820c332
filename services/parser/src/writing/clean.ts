/**
 * What Postgres can store: it refuses U+0000 and half surrogate pairs. The zero is nothing and goes; half a pair was a
 * character once and leaves the replacement character.
 */
export function clean(text: string): string {
  return text.replaceAll("\0", "").replace(/\p{Surrogate}/gu, "\ufffd");
}

/** The same for every string in a value, at any depth, each cut to `max`. */
export function cleanAll<T>(value: T, max = Number.POSITIVE_INFINITY): T {
  const walk = (each: unknown): unknown => {
    if (typeof each === "string") return clip(clean(each), max);
    if (Array.isArray(each)) return each.map(walk);
    if (each === null || typeof each !== "object") return each;
    return Object.fromEntries(Object.entries(each).map(([key, entry]) => [key, walk(entry)]));
  };
  return walk(value) as T;
}

/** At most `max` UTF-16 units, without half a surrogate pair at the end. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}
