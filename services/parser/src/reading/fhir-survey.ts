import type { Header } from "@sluice/contracts";
import type { Output } from "../formats/format.js";
import { fhirHeader } from "./fhir-header.js";
import { History } from "./fhir-history.js";
import { encounterOf, patientIdentity, References } from "./fhir-people.js";
import { isObject, type Json, type JsonObject, str } from "./fhir-readable.js";
import type { FhirSource, Found, Frame } from "./fhir-source.js";
import { Leads } from "./fhir-standing.js";
import { Subjects } from "./fhir-subjects.js";

/** What has to be known of a file before its resources can be read one by one. */
export interface Survey {
  frame: Frame;
  /** How many resources there are. */
  count: number;
  header: Partial<Header>;
  /** A collection: several patients in it are no conflict. */
  isAboutMany: boolean;
  medications: References<JsonObject>;
  /** Whether an address leads to a resource of the file. */
  isHere(url: string): boolean;
  /** Whether it is a version that the file itself replaces or deletes. */
  isPast(found: Found): boolean;
  /** The place among the header's patients of whom a resource is about. */
  patientOf(found: Found): number | null;
}

/** Bundles that are one statement; others, and lists, gather what belongs to many. */
const single = new Set(["document", "message"]);

/** Goes through the file once, for whatever its parts say of one another. */
export async function survey(file: FhirSource, out: Output): Promise<Survey> {
  const patients = new References<number | null>();
  const encounters = new References<JsonObject>();
  const medications = new References<JsonObject>();
  const binaries = new References<true>();
  const subjects = new Subjects(out);
  const leads = new Leads();
  const history = new History();
  let count = 0;
  for await (const found of file.resources()) {
    const { resource } = found;
    count += 1;
    leads.add(found);
    history.see(found, file.frame);
    subjects.add(found);
    switch (resource.resourceType) {
      case "Patient":
        patients.add(found, out.patient(patientIdentity(resource)));
        break;
      case "Encounter":
        encounters.add(found, { ...resource, text: null, contained: null });
        break;
      case "Medication":
        medications.add(found, { code: resource.code ?? null });
        break;
      case "Binary":
        binaries.add(found, true);
        break;
    }
  }
  const { frame } = file;
  const { lead } = leads;
  const encounter = lead && (encounters.find(encounterReference(lead.resource), lead) ?? only(encounters));
  const isAboutMany = isCollection(frame) && !leads.has("Composition");
  const patientOf = (found: Found) => subjects.placeOf(found, patients);
  if (subjects.conflict(patients) && !isAboutMany) out.warn("identity_conflict");
  // A document may state nothing but whom it is about.
  if (lead) patientOf(lead);
  return {
    frame,
    count,
    header: { ...fhirHeader(lead, leads, frame), encounter: encounter ? encounterOf(encounter) : null },
    isAboutMany,
    medications,
    isHere: (url) => url.startsWith("#") || binaries.find({ reference: url }, root) !== undefined,
    isPast: (found) => str(frame.bundle?.type) === "history" && history.isPast(found),
    patientOf,
  };
}

const root: Found = { resource: {}, path: "", container: null, fullUrl: null };

function isCollection({ shape, bundle }: Frame): boolean {
  if (shape === "bundle") return str(bundle?.type) !== undefined && !single.has(String(bundle?.type));
  return shape === "list";
}

function encounterReference({ encounter, context }: JsonObject): Json | undefined {
  if (encounter) return encounter;
  const inner = Array.isArray(context) ? context[0] : context;
  if (!isObject(inner)) return undefined;
  return inner.encounter && Array.isArray(inner.encounter) ? inner.encounter[0] : (inner.encounter ?? inner);
}

function only<T>(references: References<T>): T | undefined {
  const values = references.values();
  return values.length === 1 ? values[0] : undefined;
}
