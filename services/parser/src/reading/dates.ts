import type { DocumentDate } from "@sluice/contracts";

type Moment = Pick<DocumentDate, "value" | "precision">;

/** `20240131`, `202401311530-0500` and the like as ISO 8601, cut to what the source gives; an hour alone counts as its day. */
export function hl7Date(stamp: string | undefined): Moment | undefined {
  const match = /^(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d+)?([+-]\d{4}|Z)?$/.exec(stamp?.trim() ?? "");
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, zone] = match;
  const offset = zone ? zone.replace(/(\d\d)(\d\d)/, "$1:$2") : "";
  const date = [year, month, day].filter(Boolean).join("-");
  return isoDate(hour && minute ? `${date}T${hour}:${minute}${second ? `:${second}` : ""}${offset}` : date);
}

/** A FHIR `date`, `dateTime` or `instant`, without fractions of seconds. */
export function isoDate(text: unknown): Moment | undefined {
  if (typeof text !== "string") return undefined;
  const match = /^(\d{4})(-\d\d)?(-\d\d)?(T\d\d:\d\d)?(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, minute, second, zone] = match;
  const date = `${year}${month ?? ""}${day ?? ""}`;
  // The calendar must have the day: `2024-02-31` is not a date.
  const filled = `${year}${month ?? "-01"}${day ?? "-01"}T00:00:00Z`;
  const parsed = new Date(filled);
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== filled.slice(0, 10)) return undefined;
  if (minute && day) {
    return { value: `${date}${minute}${second ?? ""}${zone ?? ""}`, precision: second ? "second" : "minute" };
  }
  return { value: date, precision: day ? "day" : month ? "month" : "year" };
}

/** A dated statement of the document about itself, where the date can be read. */
export function documentDate(kind: DocumentDate["kind"], moment: Moment | undefined, origin: string): DocumentDate[] {
  return moment ? [{ kind, ...moment, origin }] : [];
}
