import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const section = (inner: string) => `<component><section>${inner}</section></component>`;
const document = (body: string, header = "") =>
  `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">${header}<component>${body}</component></ClinicalDocument>`;
const structured = (...sections: string[]) => `<structuredBody>${sections.join("")}</structuredBody>`;

describe("C-CDA", () => {
  test("a second document behind the first is not taken for its patient's", async () => {
    const one = document(structured(section("<title>A</title><text>x</text>")));
    await expect(parseBytes(one + one)).rejects.toMatchObject({ code: "document_corrupt" });
  });

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

  const loinc = 'codeSystem="2.16.840.1.113883.6.1"';
  const observation = (inner: string, attributes = "") =>
    `<observation moodCode="EVN" ${attributes}>${inner}</observation>`;
  const coded = (code: string, text: string, ...entries: string[]) =>
    section(
      `<code code="${code}" ${loinc}/><text>${text}</text>${entries.map((each) => `<entry>${each}</entry>`).join("")}`,
    );

  test("results are facts, each with the row of the narrative that its reference leads to", async () => {
    const row = (id: string, name: string, value: string) =>
      `<tr ID="${id}"><td>${name}</td><td><content ID="${id}v">${value}</content></td></tr>`;
    const table = `<table><thead><tr><th>Test</th><th>Value</th></tr></thead><tbody>
      ${row("r1", "Hemoglobin", "8.7 g/dL")}${row("r2", "WBC x10<sup>9</sup>", "13.1")}</tbody></table>`;
    const result = (id: string, code: string, name: string, value: string) =>
      `<component>${observation(
        `<code code="${code}" ${loinc} displayName="${name}"><translation code="HGB" codeSystem="1.2.3"/></code><text><reference value="#${id}"/></text>
        <statusCode code="completed"/><effectiveTime value="202501020830"/>${value}<interpretationCode code="L"/>
        <referenceRange><observationRange><value><low value="12" unit="g/dL"/><high value="15" unit="g/dL"/></value></observationRange></referenceRange>`,
      )}</component>`;
    const organizer = `<organizer moodCode="EVN">${result("r1", "718-7", "Hemoglobin", '<value value="8.7" unit="g/dL"/>')}${result("r2v", "6690-2", "Leukocytes", '<value value="13.1" unit="1"/>')}</organizer>`;
    const { facts, text } = await parseBytes(document(structured(coded("30954-2", table, organizer))));
    expect(facts).toMatchObject([
      {
        kind: "result",
        text: "Hemoglobin",
        codes: [
          { system: "http://loinc.org", code: "718-7" },
          { system: "urn:oid:1.2.3", code: "HGB" },
        ],
        value: "8.7",
        unit: "g/dL",
        range: "12 – 15 g/dL",
        flag: "L",
        status: "completed",
        effective: { value: "2025-01-02T08:30", precision: "minute" },
        source:
          "/ClinicalDocument/component[1]/structuredBody[1]/component[1]/section[1]/entry[1]/organizer[1]/component[1]/observation[1]",
      },
      { text: "Leukocytes", value: "13.1", unit: null },
    ]);
    expect(facts.map(({ evidence }) => text.slice(evidence?.start, evidence?.end))).toEqual([
      "Hemoglobin | 8.7 g/dL",
      "13.1",
    ]);
    expect(text).toContain("WBC x10^9 | 13.1");
  });

  test("a reference into a list or a sentence leads to just that; one that leads elsewhere is not believed", async () => {
    const text = `Allergies: <list ID="l"><item><content ID="a1">Penicillin</content> (<content ID="x1">hives</content>)</item>
      <item ID="a2">Peanut &amp; other   nuts</item></list>`;
    const allergy = (id: string, name: string) =>
      `<act><statusCode code="active"/><entryRelationship>${observation(
        `<participant><participantRole><playingEntity><code ${name}><originalText><reference value="#${id}"/></originalText></code></playingEntity></participantRole></participant>
        <entryRelationship><observation><code code="82606-5"/><value displayName="High"/></observation></entryRelationship>`,
      )}</entryRelationship></act>`;
    const { facts, text: all } = await parseBytes(
      document(
        structured(
          coded(
            "48765-2",
            text,
            allergy("a1", 'displayName="Penicillin"'),
            allergy("a2", 'code="7"'),
            allergy("x1", 'displayName="Aspirin"'),
          ),
        ),
      ),
    );
    expect(
      facts.map(({ kind, text: name, status, flag, evidence }) => [
        kind,
        name,
        status,
        flag,
        evidence && all.slice(evidence.start, evidence.end),
      ]),
    ).toEqual([
      ["allergy", "Penicillin", "active", "High", "Penicillin"],
      ["allergy", "Peanut & other nuts", "active", "High", "Peanut & other nuts"],
      ["allergy", "Aspirin", "active", "High", "Aspirin, High"],
    ]);
  });

  test("what is denied, over, planned, or about somebody else is not stated as it is", async () => {
    const problem = (name: string, inner = "", attributes = "") =>
      `<act><statusCode code="active"/><entryRelationship>${observation(`<templateId root="2.16.840.1.113883.10.20.22.4.4"/><value displayName="${name}"/>${inner}`, attributes)}</entryRelationship></act>`;
    const drug = (name: string, attributes = "") =>
      `<substanceAdministration ${attributes}><statusCode code="completed"/><doseQuantity value="500" unit="mg"/><consumable><manufacturedProduct><manufacturedMaterial><code displayName="${name}"/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>`;
    const { facts } = await parseBytes(
      document(
        structured(
          coded(
            "11450-4",
            "x",
            problem("Diabetes", "", 'negationInd="true"'),
            problem("Gout", "<effectiveTime><low value='2001'/><high value='2002'/></effectiveTime>"),
            problem("Asthma", "<statusCode code='nullified'/>"),
            problem("Anemia", "<subject/>"),
          ),
          coded("10157-6", "x", problem("Cancer")),
          coded("11369-6", "x", drug("MMR", 'negationInd="true"'), drug("DTaP")),
          coded("10160-0", "x", drug("Metformin", 'moodCode="INT"')),
          coded(
            "18776-5",
            "x",
            drug("Heparin", 'moodCode="INT"'),
            '<procedure moodCode="INT"><code displayName="Colonoscopy"/></procedure>',
            '<observation moodCode="GOL"><templateId root="2.16.840.1.113883.10.20.22.4.2"/><code displayName="Weight"/><value value="70"/></observation>',
          ),
        ),
      ),
    );
    expect(facts.map(({ kind, text, status, value }) => [kind, text, status, value])).toEqual([
      ["problem", "Diabetes", "negated", null],
      ["problem", "Gout", "resolved", null],
      ["problem", "Asthma", "entered_in_error", null],
      ["immunization", "MMR", "negated", "500"],
      ["immunization", "DTaP", "completed", "500"],
      ["medication", "Metformin", "completed", "500"],
      ["medication", "Heparin", "planned", "500"],
      ["procedure", "Colonoscopy", "planned", null],
    ]);
  });

  test("the header names the visit, the document's numbers, and what it replaces and adds to", async () => {
    const header = `<id root="1.2.3" extension="D2"/><code code="18842-5" ${loinc}/><title>Summary</title><effectiveTime value="20250104"/>
      <setId root="1.2.3" extension="S"/><versionNumber value="2"/>
      <author><time value="20250105"/><assignedAuthor><assignedPerson><name>Dr Roe</name></assignedPerson></assignedAuthor></author>
      <relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3" extension="D1"/></parentDocument></relatedDocument>
      <relatedDocument typeCode="APND"><parentDocument><id root="9A3E0C7E-0000-4000-8000-000000000001"/></parentDocument></relatedDocument>
      <relatedDocument typeCode="XFRM"><parentDocument><id root="1.2.3" extension="D0"/></parentDocument></relatedDocument>
      <componentOf><encompassingEncounter><id root="1.2" extension="V9"/><code code="IMP"/><effectiveTime><low value="20250102"/><high value="20250104"/></effectiveTime>
      <location><healthCareFacility><location><name>North</name></location></healthCareFacility></location></encompassingEncounter></componentOf>`;
    const { summary, text } = await parseBytes(document(structured(section("<text>well</text>")), header));
    const number = (value: string) => ({ system: "urn:oid:1.2.3", value });
    const at = (index: number) => `/ClinicalDocument/relatedDocument[${index}]`;
    expect(summary.header).toMatchObject({
      title: "Summary",
      identifiers: [number("D2"), number("S")],
      version: "2",
      relations: [
        { kind: "replaces", target: number("D1"), source: at(1) },
        {
          kind: "appends",
          target: { system: "urn:ietf:rfc:3986", value: "urn:uuid:9a3e0c7e-0000-4000-8000-000000000001" },
          source: at(2),
        },
        { kind: "replaces", target: number("S"), source: "/ClinicalDocument/setId[1]" },
      ],
      encounter: {
        id: "V9",
        class: "inpatient",
        start: { value: "2025-01-02", precision: "day" },
        end: { value: "2025-01-04", precision: "day" },
        facility: "North",
      },
    });
    expect(summary.header.dates.map(({ kind, value, origin }) => [kind, value, origin])).toEqual([
      ["authored", "2025-01-04", "ClinicalDocument.effectiveTime"],
      ["authored", "2025-01-05", "author.time"],
      ["service", "2025-01-02", "encompassingEncounter.effectiveTime"],
    ]);
    expect(text).toBe("Summary\nDr Roe\nNorth\n\nwell");
  });

  test("two patients are a conflict, and no fact is said to be about either", async () => {
    const target = (id: string, name: string) =>
      `<recordTarget><patientRole><id root="1.2" extension="${id}"/><patient><name>${name}</name></patient></patientRole></recordTarget>`;
    const body = structured(coded("11450-4", "Gout", observation('<value displayName="Gout"/>')));
    const { facts, summary } = await parseBytes(document(body, target("1", "Ann Lee") + target("2", "Bob Roe")));
    expect(summary.warnings).toEqual([{ code: "identity_conflict" }]);
    expect(facts).toMatchObject([{ text: "Gout", patient: null, evidence: { start: expect.any(Number) } }]);
  });

  test("a compressed body is unpacked, other embedded documents and media are children, what is elsewhere is missing", async () => {
    const body = (attributes: string, text: string) =>
      document(
        `<nonXMLBody><text ${attributes}>${text}</text></nonXMLBody>`,
        "<title>Scan</title><author>Dr Roe</author>",
      );
    const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes as string).toString("base64");
    const deflated = await parseBytes(
      body('representation="B64" compression="DF"', base64(deflateRawSync("Hello there"))),
    );
    expect(deflated.children).toMatchObject([{ bytes: Buffer.from("Hello there") }]);
    const damaged = await parseBytes(body('representation="B64" compression="DF"', base64("Hello there")));
    expect(damaged.summary.warnings).toEqual([{ code: "attachment_unreadable" }]);
    const linked = await parseBytes(body('mediaType="application/pdf"', '<reference value="a.pdf"/>'));
    expect(linked.summary.warnings).toEqual([{ code: "attachment_not_available" }]);
    expect(linked.text).toBe("Scan\nDr Roe");
    const media = `<observationMedia><value mediaType="image/png" representation="B64">${base64("picture")}</value></observationMedia>`;
    const { children } = await parseBytes(document(structured(coded("1-8", "See picture", media))));
    expect(children).toMatchObject([
      {
        path: "/ClinicalDocument/component[1]/structuredBody[1]/component[1]/section[1]/entry[1]/observationMedia[1]/value[1]",
        declaredType: "image/png",
        bytes: Buffer.from("picture"),
      },
    ]);
  });

  test.each([
    [
      "with prefixes that nothing declares",
      (xml: string) => xml.replace("<text>", '<text sdtc:x="1">'),
      "namespace_undeclared",
    ],
    ["behind a mark and blanks", (xml: string) => `\ufeff \n${xml}`, undefined],
    [
      "in another encoding than it says",
      (xml: string) => Buffer.from(xml.replace('"1.0"', '"1.0" encoding="UTF-8"'), "latin1"),
      "encoding_declared_wrong",
    ],
  ])("a document %s is read, with a warning", async (_what, spoil, code) => {
    const { text, summary } = await parseBytes(spoil(document(structured(section("<text>Kräftig</text>")))));
    expect(text).toBe("Kräftig");
    expect(summary.warnings).toEqual(code ? [{ code }] : []);
  });

  test("a section by itself is read as one", async () => {
    const { text, facts, summary } = await parseBytes(
      `<section><templateId root="1.2"/><code code="11450-4"/><title>Problems</title><text>Gout</text><entry>${observation('<value displayName="Gout"/>')}</entry></section>`,
    );
    expect(summary.format).toBe("ccda");
    expect(text).toBe("Problems\nGout");
    expect(facts).toMatchObject([{ text: "Gout", source: "/section/entry[1]/observation[1]" }]);
  });
});
