import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const patient = `<Patient><id value="1"/><identifier><system value="urn:oid:1.2"/><value value="77"/></identifier><name><family value="Lee"/><given value="Ann"/><given value="B"/></name></Patient>`;
const observation = (value: string) => `<Observation><id value="o"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">Blood &lt; fine<br/>as of <b>today</b></div></text>
  <status value="final"/><code><coding><system value="http://loinc.org"/><code value="718-7"/><display value="Hemoglobin"/></coding></code>
  <subject><reference value="Patient/1"/></subject><valueQuantity><value value="${value}"/><unit value="g/dL"/></valueQuantity></Observation>`;
const bundle = (type: string, ...resources: string[]) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Bundle xmlns="http://hl7.org/fhir"><type value="${type}"/>${resources
    .map((each) => `<entry><resource>${each}</resource></entry>`)
    .join("")}</Bundle>`;

describe("FHIR in XML", () => {
  test("is read as its JSON would be", async () => {
    const { facts, summary, sections } = await parseBytes(bundle("document", observation("13.50"), patient));
    expect(summary).toMatchObject({ format: "fhir-xml", mediaType: "application/fhir+xml", warnings: [] });
    expect(summary.header.patients).toEqual([
      { identifiers: [{ authority: "urn:oid:1.2", value: "77" }], names: ["Ann B Lee"], birthDate: null, sex: null },
    ]);
    expect(facts).toMatchObject([
      {
        kind: "result",
        text: "Hemoglobin",
        codes: [{ system: "http://loinc.org", code: "718-7" }],
        value: "13.50",
        unit: "g/dL",
        source: "entry[0].resource",
        patient: 0,
      },
    ]);
    expect(sections[0]?.text).toBe(
      "Hemoglobin\nBlood < fine\nas of today\nStatus: final\nCode: Hemoglobin\nValue: 13.50 g/dL",
    );
  });

  test("has contained resources, yes and no, and attachments", async () => {
    const data = Buffer.from("See me").toString("base64");
    const request = `<MedicationRequest><contained><Medication><id value="m"/><code><text value="Metformin"/></code></Medication></contained>
      <status value="active"/><intent value="order"/><doNotPerform value="true"/><medicationReference><reference value="#m"/></medicationReference></MedicationRequest>`;
    const letter = `<DocumentReference><status value="current"/><relatesTo><code value="replaces"/><target><identifier><system value="urn:x"/><value value="d1"/></identifier></target></relatesTo>
      <content><attachment><contentType value="text/plain"/><data value="${data}"/></attachment></content></DocumentReference>`;
    const { facts, children, summary } = await parseBytes(bundle("collection", request, letter));
    expect(facts).toMatchObject([{ kind: "medication", text: "Metformin", status: "negated" }]);
    expect(children).toMatchObject([
      { path: "entry[1].resource.content[0].attachment.data", bytes: Buffer.from("See me") },
    ]);
    expect(summary.header.relations).toMatchObject([{ kind: "replaces", target: { system: "urn:x", value: "d1" } }]);
  });

  test("may be a resource by itself, under a prefix", async () => {
    const { facts, text } = await parseBytes(
      '<f:Condition xmlns:f="http://hl7.org/fhir"><f:verificationStatus><f:coding><f:code value="refuted"/></f:coding></f:verificationStatus><f:code><f:text value="Gout"/></f:code></f:Condition>',
    );
    expect(facts).toMatchObject([{ text: "Gout", status: "negated", source: "Condition" }]);
    expect(text).toContain("Verification status: refuted");
  });

  test.each([
    ["cut off", bundle("document", patient).slice(0, -30), "document_corrupt"],
    [
      "nested too deep",
      `<Basic xmlns="http://hl7.org/fhir">${"<a>".repeat(300)}${"</a>".repeat(300)}</Basic>`,
      "limit_nesting",
    ],
  ])("%s has a code", async (_what, content, code) => {
    await expect(parseBytes(content)).rejects.toMatchObject({ code });
  });

  test("names of what objects inherit are names like others", async () => {
    const { text } = await parseBytes(
      '<Basic xmlns="http://hl7.org/fhir"><__proto__><code value="x"/></__proto__><constructor value="y"/></Basic>',
    );
    expect(text).toBe("Basic\nConstructor: y");
  });
});
