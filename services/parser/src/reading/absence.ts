import type { Code, FactKind } from "@sluice/contracts";

/** Codes that say that there is none: SNOMED CT's, and v2's table of allergens as senders write it. */
const codes = new Set(
  "716186003 160244002 409137002 429625007 428607008 716184000 716220001 428197003 1003774007 160245001 787481004 NKA NKDA NKMA NKFA".split(
    " ",
  ),
);

/** The system whose every code says that there is none, or that nothing is known. */
const absent = /absent-unknown-uv-ips$/;

const words = [
  /^(?:(?:the )?(?:patient )?(?:has |reports )?(?:no|nil)|(?:the )?(?:patient )?denies(?: any)?) (?:(?!but\b|except)[\p{L}-]+ ){0,4}?(?:allerg(?:y|ies|ens?)|adverse (?:drug )?reactions?|intolerances?|problems?|diagnos[ei]s|medical conditions?|medications?|medicines|immuni[sz]ations?|vaccinations?|procedures?|surger(?:y|ies)|operations?)(?: (?:known|on file|reported|recorded|documented|noted|to (?:drugs|medications?|foods?)))?[ .]*$/iu,
  /^(?:none|nil|unknown|not known|not recorded|no information|no data)(?: (?:known|reported|recorded|stated|on file|available|documented))?[ .]*$/i,
  /^NK(?:D|F|M)?A[ .]*$/,
];

/**
 * Whether a statement's subject is that there is none: "no known allergies" is no allergy. A result may well be one ("no growth of
 * allergens"), as it is about its name.
 */
export function isAbsence(kind: FactKind, text: string, coded: readonly Code[]): boolean {
  if (kind === "result" || kind === "vital") return false;
  if (coded.some(({ system, code }) => codes.has(code) || absent.test(system))) return true;
  const name = text.replace(/\s+/g, " ").trim();
  return name.length <= 100 && words.some((pattern) => pattern.test(name));
}
