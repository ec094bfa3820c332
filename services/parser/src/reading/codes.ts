import type { Code } from "@sluice/contracts";

/** The systems that matter for search, under the one name used here, whichever way the source spells them. */
const systems: Record<string, string> = {
  "2.16.840.1.113883.6.1": "http://loinc.org",
  LN: "http://loinc.org",
  LOINC: "http://loinc.org",
  "2.16.840.1.113883.6.96": "http://snomed.info/sct",
  SCT: "http://snomed.info/sct",
  SNM: "http://snomed.info/sct",
  "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
  I10C: "http://hl7.org/fhir/sid/icd-10-cm",
  "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
  I10: "http://hl7.org/fhir/sid/icd-10",
  "2.16.840.1.113883.6.88": "http://www.nlm.nih.gov/research/umls/rxnorm",
  RXNORM: "http://www.nlm.nih.gov/research/umls/rxnorm",
};

/** A system as URI: known ones by name, OIDs as `urn:oid:`. */
function systemUri(system: string): string {
  const bare = system.replace(/^urn:oid:/, "");
  return systems[bare] ?? systems[bare.toUpperCase()] ?? oidUri(bare);
}

/** An OID as URI, so that an authority is the same whichever standard names it; anything else as it is. */
export function oidUri(value: string): string {
  return /^[0-2](\.\d+)+$/.test(value) ? `urn:oid:${value}` : value;
}

export function makeCode(system: string | undefined, code: string | undefined, display?: string): Code | null {
  if (!code) return null;
  return { system: systemUri(system ?? ""), code, ...(display ? { display } : {}) };
}

/** The best of several codings: LOINC, then SNOMED CT, then the first. */
export function bestCode(codes: readonly (Code | null)[]): Code | null {
  const known = codes.filter((code) => code !== null);
  const by = (system: string) => known.find((code) => code.system === system);
  return by("http://loinc.org") ?? by("http://snomed.info/sct") ?? known[0] ?? null;
}

/** Administrative sex in FHIR's words. */
export function sexWord(code: string | undefined): string | null {
  if (!code) return null;
  const words: Record<string, string> = { F: "female", M: "male", O: "other", UN: "other", A: "other", U: "unknown" };
  return words[code.toUpperCase()] ?? code.toLowerCase();
}
