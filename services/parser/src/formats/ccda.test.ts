import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const section = (inner: string) => `<component><section>${inner}</section></component>`;
const document = (body: string, header = "") =>
  `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">${header}<component>${body}</component></ClinicalDocument>`;
const structured = (...sections: string[]) => `<structuredBody>${sections.join("")}</structuredBody>`;

describe("C-CDA", () => {
  test("the header is read, with dates as exact as they are given", async () => {
    const header = `<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202503"/>
      <recordTarget><patientRole><id root="1.2.3" extension="77"/><patient><name><given>Ann</given><family>Lee</family></name>
      <administrativeGenderCode code="F"/><birthTime value="19500102030405"/></patient></patientRole></recordTarget>
      <documentationOf><serviceEvent><effectiveTime><low value="20240131"/></effectiveTime></serviceEvent></documentationOf>`;
    const { summary } = await parseBytes(document(structured(section("<text>x</text>")), header));
    expect(summary.header).toMatchObject({
      title: null,
      type: { system: "http://loinc.org", code: "34133-9" },
      language: null,
      patients: [
        {
          identifiers: [{ authority: "urn:oid:1.2.3", value: "77" }],
          names: ["Ann Lee"],
          birthDate: "1950-01-02",
          sex: "female",
        },
      ],
      dates: [
        { kind: "authored", value: "2025-03", precision: "month", origin: "ClinicalDocument.effectiveTime" },
        { kind: "service", value: "2024-01-31", precision: "day", origin: "serviceEvent.effectiveTime" },
      ],
    });
  });

  test("nested sections keep their levels and codes, coded entries fill in for a missing narrative", async () => {
    const inner = section(
      '<code code="8716-3" codeSystem="2.16.840.1.113883.6.1"/><title>Vitals</title><text/><entry><observation><code displayName="Heart rate"/><value value="72" unit="/min"/></observation></entry>',
    );
    const { sections, summary } = await parseBytes(
      document(structured(section(`<title>Exam</title><text>Well.</text>${inner}`))),
    );
    expect(sections.map(({ level, code, text }) => [level, code?.code, text])).toEqual([
      [1, undefined, "Exam\nWell."],
      [2, "8716-3", "Vitals\nHeart rate, 72 /min"],
    ]);
    expect(summary.warnings).toEqual([{ code: "narrative_missing" }]);
  });

  test("a narrative's tables keep their cells", async () => {
    const table =
      "<table><caption>Doses</caption><thead><tr><th>Drug</th><th>Dose</th></tr></thead><tbody><tr><td>Metformin</td><td>500 mg</td></tr></tbody></table>";
    const { text, tables } = await parseBytes(
      document(structured(section(`<title>Medications</title><text>As of today: ${table}</text>`))),
    );
    expect(text).toBe("Medications\nAs of today:\n\nDoses\nDrug | Dose\nMetformin | 500 mg");
    expect(tables).toMatchObject([{ title: "Doses", headerRows: 1, rows: [{}, { cells: ["Metformin", "500 mg"] }] }]);
  });

  test("an unstructured body is a child, a linked one is reported", async () => {
    const body = (text: string) => document(`<nonXMLBody>${text}</nonXMLBody>`);
    const embedded = `<text mediaType="text/plain" representation="B64">${Buffer.from("Hello there").toString("base64")}</text>`;
    const { children } = await parseBytes(body(embedded));
    expect(children).toMatchObject([
      { path: "nonXMLBody", declaredType: "text/plain", bytes: Buffer.from("Hello there") },
    ]);
    await expect(parseBytes(body('<text><reference value="a.pdf"/></text>'))).rejects.toMatchObject({
      code: "document_empty",
    });
  });

  test.each([
    ["cut off", document(structured(section("<text>x</text>"))).slice(0, -40), "document_corrupt"],
    ["with elements closed in the wrong order", document("<a><b>x</a></b>"), "document_corrupt"],
    ["without any text", document(structured(section("<title>Empty</title>"))), "document_empty"],
    ["nested too deep", document("<a>".repeat(300) + "</a>".repeat(300)), "limit_nesting"],
    [
      "with a bomb of entities",
      `<?xml version="1.0"?><!DOCTYPE ClinicalDocument [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><ClinicalDocument>&b;</ClinicalDocument>`,
      "document_corrupt",
    ],
  ])("a document %s has a code", async (_what, source, code) => {
    await expect(parseBytes(source)).rejects.toMatchObject({ code });
  });
});
