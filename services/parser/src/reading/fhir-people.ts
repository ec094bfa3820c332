import type { Encounter, PatientIdentity } from "@sluice/contracts";
import { encounterClass, oidUri } from "./codes.js";
import { isoDate } from "./dates.js";
import { conceptText } from "./fhir-concepts.js";
import { humanName, isObject, type Json, type JsonObject, list, objects, str } from "./fhir-readable.js";
import type { Found } from "./fhir-source.js";

/** So many are remembered by their references. */
const maxKept = 50_000;

/** What a reference leads to, by each name that a resource goes by: `Type/id`, its full URL, `#id` within its container. */
export class References<T> {
  readonly #known = new Map<string, T>();

  get size(): number {
    return this.#known.size;
  }

  values(): T[] {
    return [...new Set(this.#known.values())];
  }

  add({ resource, container, fullUrl }: Found, value: T): void {
    if (this.#known.size >= maxKept) return;
    const id = str(resource.id);
    if (container !== null) {
      if (id) this.#known.set(`${container}#${id.replace(/^#/, "")}`, value);
      return;
    }
    if (fullUrl) this.#known.set(fullUrl, value);
    if (id) this.#known.set(`${resource.resourceType}/${id}`, value);
  }

  /** `from`: the resource that refers, whose contained resources come first. */
  find(reference: Json | undefined, from: Found): T | undefined {
    const target = isObject(reference) ? str(reference.reference) : undefined;
    if (!target) return undefined;
    if (target.startsWith("#")) return this.#known.get(`${from.container ?? from.path}${target}`);
    const bare = target.replace(/\/_history\/.*$/, "");
    return this.#known.get(bare) ?? this.#known.get(bare.split("/").slice(-2).join("/"));
  }
}

export function identifierOf(identifier: Json | undefined): { system: string; value: string } | null {
  if (!isObject(identifier)) return null;
  const value = str(identifier.value);
  return value ? { system: systemOf(identifier), value } : null;
}

function systemOf({ system }: JsonObject): string {
  return oidUri((str(system) ?? "").replace(/^urn:oid:/, ""));
}

export function patientIdentity(patient: JsonObject): PatientIdentity {
  return {
    identifiers: objects(patient.identifier).flatMap((each) => {
      const value = str(each.value);
      const type = isObject(each.type) ? str(objects(each.type.coding)[0]?.code) : undefined;
      return value && each.use !== "old" ? [{ authority: systemOf(each), value, ...(type ? { type } : {}) }] : [];
    }),
    names: objects(patient.name).flatMap((name) => humanName(name) || []),
    birthDate: isoDate(patient.birthDate)?.value ?? null,
    sex: str(patient.gender) ?? null,
  };
}

/** Whom a reference names, where what it refers to is not in the file. */
export function namedPatient(reference: Json | undefined): PatientIdentity | null {
  if (!isObject(reference)) return null;
  const target = str(reference.reference) ?? "";
  if (target && !/(^|\/)Patient\//.test(target)) return null;
  const identifier = identifierOf(reference.identifier);
  const [display, url] = [str(reference.display), /^(https?:\/\/.+\/Patient)\/([^/]+)/.exec(target)];
  const identifiers = [
    ...(identifier ? [{ authority: identifier.system, value: identifier.value }] : []),
    // A full URL tells of which server the id is; without one an id says nothing.
    ...(url ? [{ authority: url[1] ?? "", value: url[2] ?? "" }] : []),
  ];
  if (identifiers.length === 0 && !display) return null;
  return { identifiers, names: display ? [display] : [], birthDate: null, sex: null };
}

export function encounterOf(encounter: JsonObject): Encounter {
  const period = [encounter.actualPeriod, encounter.period].find(isObject);
  const place = objects(encounter.location)[0]?.location;
  const provider = encounter.serviceProvider;
  return {
    id: objects(encounter.identifier).map(identifierOf)[0]?.value ?? null,
    class: encounterClass(classCode(encounter.class)),
    start: isoDate(period?.start) ?? null,
    end: isoDate(period?.end) ?? null,
    facility: (isObject(provider) && str(provider.display)) || (isObject(place) && str(place.display)) || null,
  };
}

/** A code before R4, a Coding in it, concepts since. */
function classCode(value: Json | undefined): string | undefined {
  const first = list(value)[0];
  if (!isObject(first)) return str(first);
  return str(first.code) ?? str(objects(first.coding)[0]?.code) ?? conceptText(first) ?? undefined;
}
