import type { Code, DocumentDate, Header, PatientIdentity } from "@sluice/contracts";
import { type CdaNode, find, findAll } from "./cda-tree.js";
import { makeCode, oidUri, sexWord } from "./codes.js";
import { documentDate, hl7Date } from "./dates.js";

/** What a clinical document says of itself before its body. */
export function cdaHeader(root: CdaNode): Pick<Header, "title" | "type" | "language" | "patients" | "dates"> {
  return {
    title: plain(find(root, "title")) || null,
    type: cdaCode(find(root, "code")),
    language: find(root, "languageCode")?.attributes.code ?? null,
    patients: findAll(root, "recordTarget", "patientRole").map(patient),
    dates: dates(root),
  };
}

/** A coded element; a translation counts where the element itself has no code. */
export function cdaCode(node: CdaNode | undefined): Code | null {
  if (!node) return null;
  const { codeSystem, code, displayName } = node.attributes;
  return makeCode(codeSystem, code, displayName) ?? cdaCode(find(node, "translation"));
}

function plain(node: CdaNode | undefined): string {
  return node ? node.text.replace(/\s+/g, " ").trim() : "";
}

function patient(role: CdaNode): PatientIdentity {
  const person = find(role, "patient");
  return {
    identifiers: findAll(role, "id").flatMap(({ attributes: { root, extension } }) =>
      root && extension ? [{ authority: oidUri(root), value: extension }] : [],
    ),
    names: findAll(person, "name").flatMap((name) => personName(name) || []),
    birthDate: hl7Date(find(person, "birthTime")?.attributes.value)?.value.slice(0, 10) ?? null,
    sex: sexWord(find(person, "administrativeGenderCode")?.attributes.code),
  };
}

function personName(name: CdaNode): string {
  return name.children.length > 0 ? name.children.map(plain).filter(Boolean).join(" ") : plain(name);
}

function dates(root: CdaNode): DocumentDate[] {
  const event = find(root, "documentationOf", "serviceEvent", "effectiveTime");
  const encounter = find(root, "componentOf", "encompassingEncounter", "effectiveTime");
  return [
    ...documentDate("authored", at(find(root, "effectiveTime")), "ClinicalDocument.effectiveTime"),
    ...documentDate("service", at(event), "serviceEvent.effectiveTime"),
    ...documentDate("service", at(encounter), "encompassingEncounter.effectiveTime"),
  ];
}

/** The moment, or the beginning of the period. */
function at(time: CdaNode | undefined) {
  return hl7Date(time?.attributes.value ?? find(time, "low")?.attributes.value ?? find(time, "high")?.attributes.value);
}
