import { type Moment, SluiceError } from "@sluice/contracts";
import type { FactInput } from "../formats/format.js";
import { isAbsence } from "./absence.js";
import { isVital } from "./codes.js";
import { isoDate } from "./dates.js";
import { conceptCodes, conceptText } from "./fhir-concepts.js";
import { isObject, type Json, type JsonObject, list, objects, readable, str } from "./fhir-readable.js";

/** What a resource states, with the place within it. */
export type FhirFact = Omit<FactInput, "source" | "evidence" | "patient"> & { at: string };

/** Longer values are prose, which is read and not filed. */
const maxValue = 200;

type Medication = (reference: Json | undefined) => JsonObject | undefined;

/**
 * The facts of a resource; `medication` finds what a reference to a medication leads to. What is about somebody or something else
 * than the patient states none.
 */
export function fhirFacts(resource: JsonObject, medication: Medication): FhirFact[] {
  if (list(resource.focus).length > 0 || isAboutOthers(resource.subject)) return [];
  switch (resource.resourceType) {
    case "Observation":
      return observations(resource);
    case "Condition":
      return named("problem", concept(resource, "code"), {
        status: verified(resource),
        effective: when(resource, "onset"),
      });
    case "AllergyIntolerance":
      return named("allergy", allergen(resource), {
        status: verified(resource),
        flag: str(resource.criticality) ?? null,
        effective: when(resource, "onset"),
      });
    case "Procedure":
      return named("procedure", concept(resource, "code"), {
        status: status(resource, resource.notPerformed ?? resource.notDone),
        effective: when(resource, "performed", "occurrence"),
      });
    case "Immunization":
      return named("immunization", concept(resource, "vaccineCode"), {
        ...quantityOf(resource.doseQuantity),
        status: status(resource, resource.wasNotGiven ?? resource.notGiven),
        effective: when(resource, "occurrence", "date"),
      });
    case "MedicationRequest":
    case "MedicationOrder":
    case "MedicationStatement":
    case "MedicationUsage":
    case "MedicationAdministration":
    case "MedicationDispense":
      return named("medication", medicine(resource, medication), {
        ...dose(resource),
        status: intended(resource, status(resource, isNotTaken(resource))),
        effective: when(
          resource,
          "effective",
          "occurence",
          "occurrence",
          "authoredOn",
          "dateWritten",
          "whenHandedOver",
        ),
      });
    default:
      return [];
  }
}

/** Whether a subject is said to be something else than a patient: a group, a device, a sample of water. */
function isAboutOthers(subject: Json | undefined): boolean {
  if (!isObject(subject)) return false;
  const [, written] = /(?:^|\/)([A-Z][A-Za-z]+)\/[^/]+(?:\/_history\/.*)?$/.exec(str(subject.reference) ?? "") ?? [];
  const type = written ?? str(subject.type) ?? "Patient";
  return type !== "Patient";
}

/** Whether something in a resource changes its meaning in a way that is not known here; it may even deny it. */
export function isModified(value: Json, maxDepth: number): boolean {
  if (maxDepth < 0) throw new SluiceError("limit_nesting");
  if (Array.isArray(value)) return value.some((each) => isModified(each, maxDepth - 1));
  if (!isObject(value)) return false;
  return Object.entries(value).some(
    ([key, each]) =>
      (key === "modifierExtension" && list(each).length > 0) ||
      (key !== "contained" && typeof each === "object" && isModified(each, maxDepth - 1)),
  );
}

interface Name {
  text: string | null;
  codes: FhirFact["codes"];
}

function concept(resource: JsonObject, field: string): Name {
  return { text: conceptText(resource[field]) ?? firstCode(resource[field]), codes: conceptCodes(resource[field]) };
}

function firstCode(value: Json | undefined): string | null {
  return conceptCodes(value)[0]?.code ?? null;
}

function named(kind: FhirFact["kind"], { text, codes = [] }: Name, rest: Partial<FhirFact>): FhirFact[] {
  return text && !isAbsence(kind, text, codes) ? [{ kind, text, codes, ...rest, at: "" }] : [];
}

function observations(resource: JsonObject): FhirFact[] {
  const common = { status: status(resource), effective: when(resource, "effective") };
  const categories = list(resource.category).flatMap(conceptCodes);
  const isVitalSign = categories.some(({ code }) => code === "vital-signs");
  const own = observed(resource, { ...common, isVitalSign, at: "" });
  const parts = objects(resource.component).map((part, index) =>
    observed(part, { ...common, isVitalSign, at: `component[${index}]` }),
  );
  return [own, ...parts].flatMap((fact) => fact ?? []);
}

interface Circumstances extends Pick<FhirFact, "status" | "effective" | "at"> {
  isVitalSign: boolean;
}

function observed(part: JsonObject, { isVitalSign, status, effective, at }: Circumstances): FhirFact | null {
  const { text, codes = [] } = concept(part, "code");
  const value = observedValue(part);
  const isAbsent = !value && isObject(part.dataAbsentReason);
  if (!text || (!value && !isAbsent)) return null;
  const flags = list(part.interpretation).flatMap((each) => firstCode(each) ?? conceptText(each) ?? []);
  const ranges = objects(part.referenceRange).map((range) => readable(range) ?? str(range.text) ?? "");
  return {
    kind: isVitalSign || isVital(codes) ? "vital" : "result",
    text,
    codes,
    ...value,
    range: ranges.filter(Boolean).join("; ") || null,
    flag: flags.join(" ") || null,
    status: isAbsent
      ? `absent: ${conceptText(part.dataAbsentReason) ?? firstCode(part.dataAbsentReason) ?? "unknown"}`
      : status,
    effective,
    at,
  };
}

/** `value[x]`, whatever its type. */
function observedValue(part: JsonObject): Pick<FhirFact, "value" | "unit"> | null {
  const key = Object.keys(part).find((each) => /^value[A-Z]/.test(each));
  const value = key ? part[key] : undefined;
  if (!key || value === undefined || key === "valueAttachment" || key === "valueSampledData") return null;
  if (key === "valueQuantity") return quantityOf(value);
  const text = (
    isObject(value) ? (readable(value) ?? conceptText(value) ?? firstCode(value)) : readable(value)
  )?.trim();
  return text && text.length <= maxValue && !text.includes("\n") ? { value: text, unit: null } : null;
}

function quantityOf(value: Json | undefined): Pick<FhirFact, "value" | "unit"> | null {
  if (!isObject(value) || (typeof value.value !== "number" && !str(value.value))) return null;
  const number = [str(value.comparator), value.value].filter((part) => part !== undefined).join(" ");
  return { value: number, unit: str(value.unit) ?? str(value.code) ?? null };
}

/** What is said not to be so must never be taken for what is. */
function status(resource: JsonObject, isNegated?: Json): string | null {
  const own = str(resource.status) ?? null;
  if (own === "entered-in-error") return "entered_in_error";
  if (isNegated === true || ["not-done", "not-taken", "declined"].includes(own ?? "")) return "negated";
  return own === "preparation" ? "planned" : own;
}

/** That a drug is not to be had, or was not, in the words of each release. */
function isNotTaken({
  doNotPerform,
  wasNotTaken,
  wasNotGiven,
  notGiven,
  notDone,
  taken,
  adherence,
}: JsonObject): boolean {
  const keeps = isObject(adherence) ? firstCode(adherence.code) : null;
  return (
    [doNotPerform, wasNotTaken, wasNotGiven, notGiven, notDone].includes(true) ||
    taken === "n" ||
    keeps === "not-taking"
  );
}

/** What is suggested or planned is not in use, however far the suggestion is; what was stopped or denied stays so. */
function intended(resource: JsonObject, status: string | null): string | null {
  const isPlan = ["proposal", "plan", "option"].includes(str(resource.intent) ?? "") || status === "intended";
  return isPlan && [null, "active", "completed", "draft", "on-hold", "unknown", "intended"].includes(status)
    ? "planned"
    : status;
}

function verified(resource: JsonObject): string | null {
  const word = (value: Json | undefined) => str(value) ?? firstCode(value) ?? conceptText(value);
  const verification = word(resource.verificationStatus);
  if (verification === "entered-in-error" || resource.status === "entered-in-error") return "entered_in_error";
  if (verification === "refuted" || resource.status === "refuted") return "negated";
  if (verification && verification !== "confirmed") return verification;
  return word(resource.clinicalStatus) ?? str(resource.status) ?? verification ?? null;
}

/** The first of the times that a resource gives. */
function when(resource: JsonObject, ...fields: string[]): Moment | null {
  for (const field of fields) {
    for (const key of [
      field,
      `${field}DateTime`,
      `${field}Instant`,
      `${field}Date`,
      `${field}Period`,
      `${field}Timing`,
    ]) {
      const value = resource[key];
      const moment = isoDate(isObject(value) ? (value.start ?? list(value.event)[0]) : value);
      if (moment) return moment;
    }
  }
  return null;
}

function allergen(resource: JsonObject): Name {
  for (const field of ["code", "substance"]) {
    const found = concept(resource, field);
    if (found.text) return found;
  }
  const substance = objects(resource.reaction).find((reaction) => isObject(reaction.substance));
  return substance ? concept(substance, "substance") : { text: null, codes: [] };
}

function medicine(resource: JsonObject, find: Medication): Name {
  const both = isObject(resource.medication) ? resource.medication : {};
  for (const each of [resource.medicationCodeableConcept, both]) {
    const text = conceptText(each) ?? firstCode(each);
    if (text) return { text, codes: conceptCodes(each) };
  }
  const reference = resource.medicationReference ?? both.reference ?? null;
  const pointer = typeof reference === "string" ? both : reference;
  const target = find(pointer);
  if (target) {
    const found = concept(target, "code");
    if (found.text) return found;
  }
  return { text: isObject(pointer) ? (str(pointer.display) ?? null) : null, codes: [] };
}

function dose(resource: JsonObject): Pick<FhirFact, "value" | "unit"> | null {
  const single = isObject(resource.dosage) ? resource.dosage : undefined;
  const dosage = single ?? [...objects(resource.dosageInstruction), ...objects(resource.dosage)][0];
  if (!dosage) return null;
  const rate = objects(dosage.doseAndRate)[0] ?? {};
  return (
    quantityOf(rate.doseQuantity) ??
    quantityOf(dosage.doseQuantity) ??
    quantityOf(dosage.dose) ??
    quantityOf(dosage.quantity)
  );
}
