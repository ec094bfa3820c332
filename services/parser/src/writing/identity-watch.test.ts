import { expect, it } from "@jest/globals";
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
