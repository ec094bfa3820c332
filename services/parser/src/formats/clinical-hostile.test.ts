import { deflateRawSync, gzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

// Messages, documents and resources made to hurt their reader.

const msh = "MSH|^~\\&|A|B|C|D|20250102||ORU^R01|1|P|2.5";
const cda = (body: string) =>
  `<?xml version="1.0"?><ClinicalDocument><component>${body}</component></ClinicalDocument>`;
const zeros = (bytes: number) => Buffer.alloc(bytes);
const limits = { maxExpandedBytes: 4 * 1024 * 1024, maxChildren: 100 };

const bombs: [what: string, source: string, code: string][] = [
  [
    "HL7: a compressed attachment of zeros",
    `${msh}\rOBX|1|ED|a^A||^AP^PDF^Base64^${gzipSync(zeros(8 << 20)).toString("base64")}`,
    "limit_expanded_size",
  ],
  ["HL7: more messages than may be", Array(102).fill(`${msh}\rPID|1`).join("\r"), "limit_members"],
  [
    "C-CDA: a compressed body of zeros",
    cda(
      `<nonXMLBody><text representation="B64" compression="DF">${deflateRawSync(zeros(8 << 20)).toString("base64")}</text></nonXMLBody>`,
    ),
    "limit_expanded_size",
  ],
  [
    "C-CDA: entries within entries",
    cda(`<structuredBody><component><section><entry>${"<act><entryRelationship>".repeat(200)}`),
    "limit_nesting",
  ],
  [
    "FHIR: a compressed attachment of zeros",
    JSON.stringify({
      resourceType: "Binary",
      contentType: "text/plain",
      data: gzipSync(zeros(8 << 20)).toString("base64"),
    }),
    "limit_expanded_size",
  ],
  [
    "FHIR: bundles within bundles",
    `${'{"resourceType":"Bundle","entry":[{"resource":'.repeat(300)}{"resourceType":"Basic"}${"}]}".repeat(300)}`,
    "limit_nesting",
  ],
  [
    "FHIR: sections within sections",
    `{"resourceType":"Composition","section":[${'{"title":"a","section":['.repeat(300)}${"]}".repeat(300)}]}`,
    "limit_nesting",
  ],
  [
    "FHIR: resources contained in contained ones",
    `${'{"resourceType":"Basic","contained":['.repeat(300)}${"]}".repeat(300)}`,
    "limit_nesting",
  ],
  ["FHIR: a value that never ends", `{"resourceType":"Basic","a":"${"x".repeat(100_000)}`, "document_corrupt"],
];

test("C-CDA: entries and lines that all share their words", async () => {
  const many = (each: (index: number) => string) =>
    Array.from({ length: 20_000 }, (_each, index) => each(index)).join("");
  const text = many((index) => `<paragraph ID="p${index}">alpha x beta</paragraph>`);
  const entries = many(
    (index) =>
      `<entry><observation><text><reference value="#p${index}"/></text><code displayName="alpha beta"/><value value="${index}"/></observation></entry>`,
  );
  const code = '<code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/>';
  const body = `<structuredBody><component><section>${code}<text>${text}</text>${entries}</section></component></structuredBody>`;
  expect((await parseBytes(cda(body))).facts).toHaveLength(20_000);
});

test.each(bombs)("%s", async (_what, source, code) => {
  await expect(parseBytes(source, null, limits)).rejects.toMatchObject({ code });
});

const long: [what: string, source: string][] = [
  ["HL7: a field of nothing but escapes", `${msh}\rOBX|1|TX|a^A||well ${"\\".repeat(300_000)}`],
  ["HL7: escapes that never close", `${msh}\rOBX|1|TX|a^A||well ${"\\X41".repeat(100_000)}`],
  [
    "HL7: a patient a segment",
    [msh, ...Array.from({ length: 20_000 }, (_each, at) => `PID|||${at}||Lee^A${at}`)].join("\r"),
  ],
  [
    "HL7: an order a segment",
    [msh, ...Array.from({ length: 20_000 }, (_each, at) => `OBR|||F${at}^LAB|a^A`)].join("\r"),
  ],
  [
    "C-CDA: as many references as there are IDs, and IDs around IDs",
    cda(
      `<structuredBody><component><section><code code="11450-4"/><text>${'<content ID="a">'.repeat(200)}Gout${"</content>".repeat(200)}${"<paragraph>Gout</paragraph>".repeat(5_000)}</text>
      ${'<entry><observation><text><reference value="#a"/></text><value displayName="Gout"/></observation></entry>'.repeat(5_000)}</section></component></structuredBody>`,
    ),
  ],
  [
    "FHIR: a bulk export of patients",
    Array.from({ length: 20_000 }, (_each, id) =>
      JSON.stringify({ resourceType: "Patient", id: String(id), name: [{ family: `Lee${id}` }], birthDate: "1950" }),
    ).join("\n"),
  ],
];

test.each(long)("%s is read to its end", async (_what, source) => {
  const { sections } = await parseBytes(source);
  expect(sections.length).toBeGreaterThan(0);
});

test("C-CDA: characters that mark runs inside the reader mark nothing when a document has them", async () => {
  const text = '<text><content ID="a">Go\ufdd0\ufdd1ut</content> \ufdd0\ufdd2</text>';
  const entry =
    '<entry><observation><text><reference value="#a"/></text><value displayName="Gout"/></observation></entry>';
  const { text: read, facts } = await parseBytes(
    cda(
      `<structuredBody><component><section><code code="11450-4"/>${text}${entry}</section></component></structuredBody>`,
    ),
  );
  expect(read).toBe("Gout");
  expect(facts).toMatchObject([{ evidence: { start: 0, end: 4 } }]);
});

test("FHIR: references in a circle lead nowhere", async () => {
  const { facts } = await parseBytes(
    JSON.stringify({
      resourceType: "MedicationStatement",
      id: "a",
      status: "active",
      medicationReference: { reference: "MedicationStatement/a" },
      subject: { reference: "#a" },
      contained: [{ resourceType: "Medication", id: "b", ingredient: [{ itemReference: { reference: "#b" } }] }],
    }),
  );
  expect(facts).toEqual([]);
});
