/** Excel's built-in number formats that are no plain numbers. */
const builtIn: Readonly<Record<number, string>> = {
  9: "0%",
  10: "0.00%",
  14: "yyyy-mm-dd",
  15: "d-mmm-yy",
  16: "d-mmm",
  17: "mmm-yy",
  18: "h:mm",
  19: "h:mm:ss",
  20: "h:mm",
  21: "h:mm:ss",
  22: "yyyy-mm-dd h:mm",
  45: "mm:ss",
  46: "[h]:mm:ss",
  47: "mm:ss.0",
};

/** How a cell's number is to be read. */
export type NumberKind =
  | { kind: "plain"; decimals: number; digits: number }
  | { kind: "percent" | "elapsed" }
  | { kind: "time"; hasDate: boolean; hasTime: boolean };

const plain = { kind: "plain", decimals: 0, digits: 0 } as const satisfies NumberKind;

/** What a number format makes of a number, from its id and, where it is the file's own, its code. */
export function numberKind(id: number, code: string | undefined): NumberKind {
  const pattern = code ?? builtIn[id];
  // Ids of East Asian calendars.
  if (pattern === undefined)
    return (id >= 27 && id <= 36) || (id >= 50 && id <= 58)
      ? { kind: "time", hasDate: true, hasTime: false }
      : id === 2 || id === 4
        ? { ...plain, decimals: 2 }
        : plain;
  const [first = ""] = pattern.split(";");
  const bare = first.replace(/"[^"]*"|\\.|_.|\*./g, "");
  if (/\[(h+|m+|s+)\]/i.test(bare)) return { kind: "elapsed" };
  const signs = bare.replace(/\[[^\]]*\]/g, "");
  if (/general/i.test(signs)) return plain;
  const hasDate = /[yd]|m{3,}/i.test(signs) || (/m/i.test(signs) && !/[hs]/i.test(signs));
  const hasTime = /[hs]/i.test(signs);
  if (hasDate || hasTime) return { kind: "time", hasDate, hasTime };
  if (signs.includes("%")) return { kind: "percent" };
  // `00000`: leading zeros are part of a number such as a patient's.
  const digits = /^0{2,}$/.test(signs) ? signs.length : 0;
  return { kind: "plain", digits, decimals: /^[^.]*\.(0+)/.exec(signs)?.[1]?.length ?? 0 };
}

const dayMs = 86_400_000;
/** Serial 0 of both calendars; the older one has a 29 February 1900, which was none. */
const [epoch1900, epoch1904] = [Date.UTC(1899, 11, 30), Date.UTC(1904, 0, 1)];

/** A number as the sheet means it: dates in ISO 8601, nothing rounded away. */
export function cellNumber(value: number, format: NumberKind, from1904: boolean): string {
  switch (format.kind) {
    case "time":
      return timeText(value, format, from1904) ?? decimal(value);
    case "elapsed": {
      const seconds = Math.round(value * 86_400);
      return `${seconds < 0 ? "-" : ""}${clock(Math.abs(seconds))}`;
    }
    case "percent":
      return `${decimal(value * 100)}%`;
    default: {
      const text = decimal(value);
      if (format.digits > 0 && /^\d+$/.test(text)) return text.padStart(format.digits, "0");
      const missing = format.decimals - (/\.(\d+)$/.exec(text)?.[1]?.length ?? 0);
      if (missing <= 0 || missing > 15 || text.includes("e")) return text;
      return `${text}${text.includes(".") ? "" : "."}${"0".repeat(missing)}`;
    }
  }
}

/** Fifteen digits are what a sheet shows; more are noise of binary fractions. */
function decimal(value: number): string {
  return String(Number(value.toPrecision(15)));
}

function timeText(
  value: number,
  { hasDate, hasTime }: { hasDate: boolean; hasTime: boolean },
  from1904: boolean,
): string | undefined {
  if (!(value >= 0 && value < 2_958_466)) return undefined;
  if (!hasDate) return clock(Math.round((value % 1) * 86_400));
  const before = !from1904 && value < 60 ? 1 : 0;
  const ms = Math.round((value + before) * 86_400) * 1_000 + (from1904 ? epoch1904 : epoch1900);
  const iso = new Date(ms).toISOString();
  const time = iso.slice(11, 19);
  return hasTime && ms % dayMs !== 0 ? `${iso.slice(0, 10)} ${time.replace(/:00$/, "")}` : iso.slice(0, 10);
}

function clock(seconds: number): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const rest = seconds % 60;
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}${rest > 0 ? `:${two(rest)}` : ""}`;
}
