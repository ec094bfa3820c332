import { expect, it } from "@jest/globals";
import type { PatientIdentity } from "@sluice/contracts";
import { Patients } from "./patients.js";

const person = (own: Partial<PatientIdentity>): PatientIdentity => ({
  identifiers: [],
  names: [],
  birthDate: null,
  sex: null,
  ...own,
});
const family = { authority: "insurer", value: "FAM9" };

it("tells two people of one family's number apart by numbers of their own", () => {
  const patients = new Patients();
  const twin = (name: string, value: string) =>
    person({ names: [name], identifiers: [family, { authority: "mrn", value }], birthDate: "2020-05-01" });
  expect([patients.add(twin("Ann Roe", "1")), patients.add(twin("Bob Roe", "2"))]).toEqual([0, 1]);
  expect(patients.conflict()).toBe(true);
});

it("tells apart who bears one number, another name and another sex", () => {
  const patients = new Patients();
  const number = { authority: "H", value: "111" };
  expect(patients.add(person({ names: ["John Doe"], identifiers: [number], sex: "male" }))).toBe(0);
  expect(patients.add(person({ names: ["Jane Roe"], identifiers: [number], sex: "female" }))).toBe(1);
  expect(patients.conflict()).toBe(true);
});

it("takes a married name, and a number more, for the same person", () => {
  const patients = new Patients();
  const number = { authority: "H", value: "111" };
  patients.add(person({ names: ["Jane Roe"], identifiers: [number], sex: "female", birthDate: "1980-01-02" }));
  const other = { authority: "insurer", value: "9" };
  expect(
    patients.add(person({ names: ["Jane Doe"], identifiers: [number, other], sex: "female", birthDate: "1980" })),
  ).toBe(0);
  expect(patients.conflict()).toBe(false);
});
