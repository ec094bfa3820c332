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
  RXN: "http://www.nlm.nih.gov/research/umls/rxnorm",
  "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
  "2.16.840.1.113883.6.59": "http://hl7.org/fhir/sid/cvx",
  CVX: "http://hl7.org/fhir/sid/cvx",
  "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
  NDC: "http://hl7.org/fhir/sid/ndc",
  "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
  C4: "http://www.ama-assn.org/go/cpt",
  CPT: "http://www.ama-assn.org/go/cpt",
  CPT4: "http://www.ama-assn.org/go/cpt",
  "2.16.840.1.113883.6.103": "http://hl7.org/fhir/sid/icd-9-cm",
  I9C: "http://hl7.org/fhir/sid/icd-9-cm",
  "2.16.840.1.113883.6.4": "http://www.cms.gov/Medicare/Coding/ICD10",
  "2.16.840.1.113883.4.9": "http://fdasis.nlm.nih.gov",
};

/** Vital signs among LOINC's codes: what is measured at the bedside, and not in a laboratory. */
const vitals = new Set(
  "85353-1 85354-9 8716-3 8480-6 8462-4 8478-0 8867-4 9279-1 8310-5 8331-1 8332-9 8302-2 8306-3 8308-9 29463-7 3141-9 39156-5 59408-5 2708-6 8287-5 9843-4 3140-1 8277-6 59576-9 77606-2 8289-1 3151-8 3150-6 8889-8 8893-0 60832-3 8496-2 8453-3 8358-4".split(
    " ",
  ),
);

/** Whether what was observed is a vital sign, by its codes. */
export function isVital(codes: readonly Code[]): boolean {
  return codes.some(({ system, code }) => system === "http://loinc.org" && vitals.has(code));
}

/** The class of an encounter in one set of words, whichever standard's code it is; an unknown one as it is. */
export function encounterClass(code: string | undefined): string | null {
  if (!code) return null;
  const words: Record<string, string> = {
    I: "inpatient",
    IMP: "inpatient",
    ACUTE: "inpatient",
    NONAC: "inpatient",
    O: "outpatient",
    AMB: "outpatient",
    R: "outpatient",
    E: "emergency",
    EMER: "emergency",
    P: "preadmission",
    PRENC: "preadmission",
    B: "obstetrics",
    OBSENC: "observation",
    SS: "short stay",
    HH: "home health",
    VR: "virtual",
    FLD: "field",
  };
  return words[code.toUpperCase()] ?? code;
}

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
