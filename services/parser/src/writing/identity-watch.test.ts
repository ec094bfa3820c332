import { expect, it } from "@jest/globals";
import type { PatientIdentity } from "@sluice/contracts";
import { IdentityWatch } from "./identity-watch.js";

const conflict = (...pages: string[]) => {
  const watch = new IdentityWatch();
  for (const page of pages) watch.see(page);
  return watch.conflict();
};

it.each([
  ["two record numbers", ["MRN: 445-2210  Seen today.", "MRN 998-1123  Seen last week."]],
  ["two dates of birth", ["Patient: A. Lee  DOB: 04/12/1961", "Patient: B. Roy  Date of birth 7 May 1980"]],
  ["two numbers of one label", ["Patient ID: 1234567", "PATIENT ID  7654321"]],
])("sees two people in a stack with %s", (_what, pages) => {
  expect(conflict(...pages)).toBe(true);
});

it.each([
  ["nobody", ["Fax from the ward, two pages."]],
  ["the same number in two spellings", ["MRN: 445-2210", "MRN 4452210"]],
  ["numbers under different labels", ["MRN: 4452210, patient ID: 77-100-2"]],
  ["other dates and numbers", ["Seen 04/12/2024, born at term; phone 555 0100, order no. 12345"]],
])("sees one person with %s", (_what, pages) => {
  expect(conflict(...pages)).toBe(false);
});

const jane = { identifiers: [], names: ["Jane Müller-Doe"], birthDate: "1970-02-01", sex: "female" };
const other = (text: string, ...patients: PatientIdentity[]) => {
  const watch = new IdentityWatch();
  watch.see(text);
  return watch.contradicts(patients);
};

it.each([
  ["another date of birth", "Report. Patient: SMITH, JOHN  DOB: 03/02/1944"],
  ["another name", "PATIENT NAME: SMITH, JOHN\nFindings: pneumonia"],
  ["another name in a table", "Patient name | John Smith"],
])("sees that a text is about somebody else than the fields by %s", (_what, text) => {
  expect(other(text, jane)).toBe(true);
  expect(other(text)).toBe(false);
});

it.each([
  ["her date, day first", "DOB: 01/02/1970"],
  ["her date, month first", "Date of birth 2/1/70"],
  ["her date in words", "DOB: 1 Feb 1970"],
  ["a date of a relative", "Mother: Ann, well. DOB 05/06/1941"],
  ["her name in another order", "Patient name: MULLER-DOE, JANE A."],
  ["prose", "Patient: alert and oriented. The patient name was checked."],
  ["no name", "Patient name: not known to us"],
])("believes the fields where the text gives %s", (_what, text) => {
  expect(other(text, jane)).toBe(false);
});

it("believes the fields where they do not give every birth date", () => {
  const bare = { ...jane, names: [], birthDate: null };
  expect(other("DOB: 03/02/1944", jane, bare)).toBe(false);
});
