import type { Code } from "@sluice/contracts";
import { bestCode, makeCode } from "./codes.js";
import { isObject, type Json, objects, str } from "./fhir-readable.js";

/** The codes of a CodeableConcept, or of a CodeableReference's concept. */
export function conceptCodes(concept: Json | undefined): Code[] {
  if (!isObject(concept)) return [];
  const inner = isObject(concept.concept) ? concept.concept : concept;
  return objects(inner.coding).flatMap(({ system, code, display }) => {
    const made = makeCode(str(system), str(code), str(display));
    return made ? [made] : [];
  });
}

/** The code of a CodeableConcept. */
export function conceptCode(concept: Json | undefined): Code | null {
  return bestCode(conceptCodes(concept));
}

/** What a CodeableConcept is called. */
export function conceptText(concept: Json | undefined): string | null {
  if (!isObject(concept)) return null;
  const inner = isObject(concept.concept) ? concept.concept : concept;
  const displays = objects(inner.coding).flatMap(({ display }) => str(display) ?? []);
  return str(inner.text) ?? conceptCode(inner)?.display ?? displays[0] ?? null;
}
