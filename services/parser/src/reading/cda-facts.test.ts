import { expect, it } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const results = (entries: string, before = "") =>
  parseBytes(`<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <recordTarget><patientRole><id root="1.2" extension="1"/><patient><name>Ann Roe</name></patient></patientRole></recordTarget>
  <component><structuredBody><component><section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><title>Results</title>
  <text>Results of today.</text>${before}<entry>${entries}</entry></section></component></structuredBody></component></ClinicalDocument>`);
const observation = (value: string, attributes = "") =>
  `<observation classCode="OBS" moodCode="EVN" ${attributes}><code code="1" codeSystem="2.16.840.1.113883.6.1" displayName="Test"/><statusCode code="completed"/>${value}</observation>`;
const quantity = (value: number, unit: string) => `<value xsi:type="PQ" value="${value}" unit="${unit}"/>`;
const facts = async (entries: string, before?: string) =>
  (await results(entries, before)).facts.map(({ value, unit, status }) => [value, unit, status]);

it("gives each of several values its own unit where they differ", async () => {
  expect(await facts(observation(quantity(13.5, "g/dL") + quantity(2, "mmol/L")))).toEqual([
    ["13.5 g/dL; 2 mmol/L", null, "completed"],
  ]);
  expect(await facts(observation(quantity(1, "mg") + quantity(2, "mg")))).toEqual([["1; 2", "mg", "completed"]]);
  const interval = `<value xsi:type="IVL_PQ"><low value="500" unit="mg"/><high value="1" unit="g"/></value>`;
  expect(await facts(observation(interval))).toEqual([["500 mg – 1 g", null, "completed"]]);
  const ratio = `<value xsi:type="RTO"><numerator value="1" unit="mg"/><denominator value="40" unit="mL"/></value>`;
  expect(await facts(observation(ratio))).toEqual([["1 mg / 40 mL", null, "completed"]]);
});

it.each([["true"], ["1"], [" TRUE "]])("takes negationInd=%j for a no", async (written) => {
  expect(await facts(observation(quantity(1, "mg"), `negationInd="${written}"`))).toEqual([["1", "mg", "negated"]]);
});

it("makes no facts of the patient out of a section about somebody else", async () => {
  const child = `<subject><relatedSubject classCode="PRS"><code code="CHILD"/></relatedSubject></subject>`;
  expect(await facts(observation(quantity(1, "mg")), child)).toEqual([]);
});
