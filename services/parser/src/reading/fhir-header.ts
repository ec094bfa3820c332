import type { Code, DocumentDate, Header, PatientIdentity } from "@sluice/contracts";
import { bestCode, makeCode, oidUri } from "./codes.js";
import { documentDate, isoDate } from "./dates.js";
import { humanName, isObject, type JsonObject, objects, str } from "./fhir-readable.js";

/** Resources that are about a document as a whole, most telling first. */
const leading = ["Composition", "DocumentReference", "DiagnosticReport"];

/** The header of a set of resources: the leading one's title, type and dates, and the patients. */
export function fhirHeader(resources: readonly JsonObject[]): Partial<Header> {
  const lead =
    leading.map((type) => resources.find((resource) => resource.resourceType === type)).find(Boolean) ??
    (resources.length === 1 ? resources[0] : undefined);
  const patients = resources.filter((resource) => resource.resourceType === "Patient");
  return {
    ...(lead && {
      title: str(lead.title) ?? str(lead.description) ?? conceptText(lead.code) ?? null,
      type: conceptCode(lead.type) ?? conceptCode(lead.code),
      language: str(lead.language) ?? null,
      dates: dates(lead),
    }),
    patients: patients.map(patientIdentity),
  };
}

/** The code of a CodeableConcept. */
export function conceptCode(concept: JsonObject[string] | undefined): Code | null {
  const codings = objects(isObject(concept ?? null) ? (concept as JsonObject).coding : undefined);
  return bestCode(codings.map(({ system, code, display }) => makeCode(str(system), str(code), str(display))));
}

/** What a CodeableConcept is called. */
export function conceptText(concept: JsonObject[string] | undefined): string | null {
  if (!isObject(concept ?? null)) return null;
  return str((concept as JsonObject).text) ?? conceptCode(concept)?.display ?? null;
}

function patientIdentity(patient: JsonObject): PatientIdentity {
  return {
    identifiers: objects(patient.identifier).flatMap(({ system, value }) => {
      const id = str(value);
      return id ? [{ authority: oidUri((str(system) ?? "").replace(/^urn:oid:/, "")), value: id }] : [];
    }),
    names: objects(patient.name).flatMap((name) => humanName(name) || []),
    birthDate: isoDate(patient.birthDate)?.value ?? null,
    sex: str(patient.gender) ?? null,
  };
}

/** Where resources keep the time of the service, and the time of writing. */
const dateFields: Record<Exclude<DocumentDate["kind"], "received">, readonly string[]> = {
  service: [
    "effectiveDateTime",
    "effectivePeriod",
    "period",
    "onsetDateTime",
    "performedDateTime",
    "occurrenceDateTime",
  ],
  authored: ["date", "issued", "authoredOn", "authored", "recordedDate", "created"],
};

function dates(resource: JsonObject): DocumentDate[] {
  return Object.entries(dateFields).flatMap(([kind, fields]) =>
    fields.flatMap((field) => {
      const value = resource[field];
      const moment = isObject(value ?? null) ? (value as JsonObject).start : value;
      return documentDate(kind as DocumentDate["kind"], isoDate(moment), `${resource.resourceType}.${field}`);
    }),
  );
}
