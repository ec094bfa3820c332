import type { Output } from "../formats/format.js";
import { namedPatient, type References } from "./fhir-people.js";
import { isObject, type Json, type JsonObject, str } from "./fhir-readable.js";
import type { Found } from "./fhir-source.js";

/** So many are remembered. */
const maxKept = 50_000;

/** Whom the resources of a file say that they are about, whether or not the file has what they refer to. */
export class Subjects {
  readonly #out: Output;
  /** A reference to each patient, by the address that is the same whichever way it is written. */
  readonly #referred = new Map<string, { reference: JsonObject; from: Found }>();
  /** Those that are not in the file but named, by their places among the header's patients. */
  readonly #named = new Map<string, number | null>();

  constructor(out: Output) {
    this.#out = out;
  }

  add(found: Found): void {
    const reference = subject(found);
    const key = reference && address(reference);
    if (!key || this.#referred.has(key) || this.#referred.size >= maxKept) return;
    this.#referred.set(key, { reference, from: { ...found, resource: {} } });
  }

  /** The place among the header's patients of whom a resource is about. */
  placeOf(found: Found, patients: References<number | null>): number | null {
    const reference = subject(found);
    if (!reference) return null;
    const known = patients.find(reference, found);
    if (known !== undefined) return known;
    const name = address(reference) ?? str(reference.reference) ?? str(reference.display);
    const identity = namedPatient(reference);
    if (name && identity && !this.#named.has(name)) this.#named.set(name, this.#out.patient(identity));
    return name === undefined ? null : (this.#named.get(name) ?? null);
  }

  /** Whether there are several, of whom one is known by reference alone: an id by itself is no number that a header could keep. */
  conflict(patients: References<number | null>): boolean {
    const places = new Set<number>();
    let unknown = 0;
    for (const { reference, from } of this.#referred.values()) {
      const place = patients.find(reference, from) ?? null;
      if (place === null) unknown += 1;
      else places.add(place);
    }
    return unknown > 0 && unknown + places.size > 1;
  }
}

function subject({ resource }: Found): JsonObject | undefined {
  return resource.resourceType === "Patient" ? undefined : [resource.subject, resource.patient].find(isObject);
}

/** `Patient/7` of any server's address; nothing for what is contained, or may be something else than a patient. */
function address(reference: Json): string | undefined {
  const target = isObject(reference) ? str(reference.reference)?.replace(/\/_history\/.*$/, "") : undefined;
  return /(?:^|\/)(Patient\/[^/]+)$/.exec(target ?? "")?.[1];
}
