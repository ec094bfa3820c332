/** About how much of a message or a request a value takes: the length of its strings, and a little for the rest. */
export function weightOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + weightOf(each), 2);
  if (value === null || typeof value !== "object") return 4;
  let sum = 0;
  for (const key in value) sum += key.length + weightOf(value[key as keyof typeof value]);
  return sum;
}
