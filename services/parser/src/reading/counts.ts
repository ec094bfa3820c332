/** a … z, aa, bb …, as office programs count; a count that nobody reaches stays a number. */
function letterCount(count: number): string {
  if (count < 1 || count > 780) return String(count);
  return String.fromCharCode(97 + ((count - 1) % 26)).repeat(Math.ceil(count / 26));
}

const romans: readonly [number, string][] = [
  [1000, "m"],
  [900, "cm"],
  [500, "d"],
  [400, "cd"],
  [100, "c"],
  [90, "xc"],
  [50, "l"],
  [40, "xl"],
  [10, "x"],
  [9, "ix"],
  [5, "v"],
  [4, "iv"],
  [1, "i"],
];

/** i, ii, iii …, as far as that goes. */
function romanCount(count: number): string {
  if (count < 1 || count > 4_999) return String(count);
  let [text, left] = ["", count];
  for (const [value, sign] of romans) {
    for (; left >= value; left -= value) text += sign;
  }
  return text;
}

/** A list's count as it is shown: `a`, `A`, `i` and `I` say of what kind, nothing that it is not shown; anything else is a number. */
export function counted(count: number, format: string): string {
  switch (format) {
    case "a":
      return letterCount(count);
    case "A":
      return letterCount(count).toUpperCase();
    case "i":
      return romanCount(count);
    case "I":
      return romanCount(count).toUpperCase();
    default:
      return format ? String(count) : "";
  }
}
