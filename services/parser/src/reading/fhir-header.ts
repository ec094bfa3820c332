import type { DocumentDate, Header } from "@sluice/contracts";
import { documentDate, isoDate } from "./dates.js";
import { conceptCode, conceptText } from "./fhir-concepts.js";
import { identifierOf } from "./fhir-people.js";
import { isObject, type JsonObject, str } from "./fhir-readable.js";
import type { Found, Frame } from "./fhir-source.js";
import { fhirStanding, type Leads } from "./fhir-standing.js";

/** The header of a file: its leading resource's title, type and dates, and what its reports are among their like. */
export function fhirHeader(lead: Found | undefined, leads: Leads, frame: Frame): Partial<Header> {
  const bundled = frame.bundle?.type === "document" ? [identifierOf(frame.bundle.identifier)] : [];
  const { identifiers = [], ...standing } = fhirStanding(leads, frame);
  const numbers = [...identifiers, ...bundled.filter((each) => each !== null)];
  if (!lead) return { ...standing, identifiers: numbers };
  const { resource } = lead;
  return {
    title: str(resource.title) ?? str(resource.description) ?? conceptText(resource.code) ?? null,
    type: conceptCode(resource.type) ?? conceptCode(resource.code),
    language: str(resource.language) ?? null,
    dates: dates(resource),
    ...standing,
    identifiers: numbers,
  };
}

/** Where resources keep the time of the service, and the time of writing. */
const dateFields: Record<Exclude<DocumentDate["kind"], "received">, readonly string[]> = {
  service: [
    "effectiveDateTime",
    "effectivePeriod",
    "period",
    "context",
    "onsetDateTime",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
  ],
  authored: ["date", "issued", "authoredOn", "authored", "recordedDate", "created", "indexed"],
};

function dates(resource: JsonObject): DocumentDate[] {
  return Object.entries(dateFields).flatMap(([kind, fields]) =>
    fields.flatMap((field) => {
      const value = resource[field];
      const period = field === "context" && isObject(value) && isObject(value.period) ? value.period : value;
      const moment = isObject(period) ? period.start : period;
      return documentDate(kind as DocumentDate["kind"], isoDate(moment), `${resource.resourceType}.${field}`);
    }),
  );
}
