import { expect, it } from "@jest/globals";
import { isAbsence } from "./absence.js";

it.each([
  "No known allergies",
  "No Known Drug Allergies.",
  "no known allergies to medications",
  "NKDA",
  "No current medications",
  "No active problems",
  "None reported",
  "Denies any allergies",
  "No adverse reactions documented",
  "No known medical problems",
])("takes %j for none", (text) => {
  expect(isAbsence("allergy", text, [])).toBe(true);
});

it.each([
  "No light perception, left eye",
  "Penicillin",
  "Allergic rhinitis",
  "Not otherwise specified seizure",
  "No growth in height with nutritional problems in infancy and childhood",
  "Noncompliance with medications",
  "Unknown primary carcinoma",
])("takes %j for what it is", (text) => {
  expect(isAbsence("problem", text, [])).toBe(false);
});

it("knows the codes, and lets a result be what it says", () => {
  const coded = (code: string, system = "http://snomed.info/sct") =>
    isAbsence("allergy", "Allergy", [{ system, code }]);
  for (const code of ["716186003", "409137002", "160244002", "428607008"]) expect(coded(code)).toBe(true);
  expect(coded("no-known-problems", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips")).toBe(true);
  expect(coded("91936005")).toBe(false);
  expect(isAbsence("result", "No known allergies", [])).toBe(false);
});
