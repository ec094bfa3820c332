import { expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const snomed = { system: "http://snomed.info/sct", code: "716186003" };

test.each([
  [
    "FHIR",
    JSON.stringify({ resourceType: "AllergyIntolerance", code: { text: "No known allergy", coding: [snomed] } }),
  ],
  ["FHIR, in a local code", JSON.stringify({ resourceType: "Condition", code: { text: "No known allergy" } })],
  ["HL7 v2", "MSH|^~\\&|A|B|C|D|20250102||ADT^A01|1|P|2.5\rAL1|1|DA|716186003^No known allergy^SCT"],
  ["C-CDA", ccda('<value code="716186003" codeSystem="2.16.840.1.113883.6.96" displayName="No known allergy"/>')],
  ["C-CDA, by the narrative", ccda('<text><reference value="#a"/></text><value nullFlavor="NI"/>')],
  ["C-CDA, of an entry without content", ccda('<value displayName="Allergy"/>', ' nullFlavor="NI"')],
])("that there is none is text and no fact: %s", async (_what, content) => {
  const { text, facts } = await parseBytes(content);
  expect(text.toLowerCase()).toContain("no known allergy");
  expect(facts).toEqual([]);
});

function ccda(value: string, attributes = ""): string {
  return `<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section>
    <code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><text><content ID="a">No known allergy</content></text>
    <entry><observation classCode="OBS" moodCode="EVN"${attributes}>${value}</observation></entry>
    </section></component></structuredBody></component></ClinicalDocument>`;
}
