/**
 * What Postgres can store: it refuses U+0000 and half surrogate pairs. The zero is nothing and goes; half a pair was a
 * character once and leaves the replacement character.
 */
export function clean(text: string): string {
  return text.replaceAll("\0", "").replace(/\p{Surrogate}/gu, "\ufffd");
}

/** The same for every string in a value, at any depth. */
export function cleanAll(value: unknown): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map(cleanAll);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cleanAll(entry)]));
}
