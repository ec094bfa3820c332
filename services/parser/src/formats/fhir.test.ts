import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const parse = (resource: object) => parseBytes(JSON.stringify(resource));
const div = (text: string) => ({ status: "generated", div: `<div xmlns="http://www.w3.org/1999/xhtml">${text}</div>` });

describe("FHIR", () => {
  test("a resource without a narrative is read from its coded content", async () => {
    const { sections } = await parse({
      resourceType: "Observation",
      status: "final",
      code: {
        coding: [
          { system: "local", code: "x" },
          { system: "http://loinc.org", code: "718-7", display: "Hemoglobin" },
        ],
      },
      valueQuantity: { value: 0, unit: "g/dL" },
      referenceRange: [{ low: { value: 12, unit: "g/dL" }, text: "adults" }],
      component: [{ code: { text: "MCV" }, valueString: "low" }],
    });
    expect(sections).toMatchObject([{ title: "Observation: Hemoglobin", code: { code: "718-7" } }]);
    expect(sections[0]?.text.split("\n")).toEqual([
      "Hemoglobin",
      "Status: final",
      "Code: x / Hemoglobin",
      "Value: 0 g/dL",
      "Reference range: ≥ 12 g/dL, adults",
      "Component – Code: MCV",
      "Component – Value: low",
    ]);
  });

  test("a narrative is read, and of the coded content what it does not say", async () => {
    const { text } = await parse({
      resourceType: "Condition",
      text: div("<p>Asthma since 2001</p>"),
      code: { text: "Asthma" },
      note: [{ text: "worse at night" }],
    });
    expect(text).toBe("Asthma\nAsthma since 2001\nNote: worse at night");
  });

  test("a composition gives its sections, with codes and levels", async () => {
    const { sections, summary } = await parse({
      resourceType: "Composition",
      title: "Visit",
      date: "2025-03",
      section: [
        {
          title: "Plan",
          code: { coding: [{ system: "http://loinc.org", code: "18776-5" }] },
          text: div("Rest"),
          section: [{ text: div("Fluids") }],
        },
      ],
    });
    expect(sections.slice(1).map(({ level, title, code, text }) => [level, title, code?.code, text])).toEqual([
      [2, "Plan", "18776-5", "Plan\nRest"],
      [3, null, undefined, "Fluids"],
    ]);
    expect(summary.header).toMatchObject({
      title: "Visit",
      dates: [{ kind: "authored", value: "2025-03", precision: "month" }],
    });
  });

  test("a bundle gives a section a resource, its patient, and attachments as children", async () => {
    const data = Buffer.from("See me").toString("base64");
    const patient = {
      resourceType: "Patient",
      identifier: [{ system: "urn:oid:1.2", value: "7" }],
      name: [{ family: "Lee", given: ["Ann"] }],
      gender: "female",
      birthDate: "1950",
    };
    const reference = {
      resourceType: "DocumentReference",
      content: [
        { attachment: { contentType: "text/plain", data, title: "a.txt" } },
        { attachment: { url: "http://x/y.pdf" } },
      ],
    };
    const { children, summary } = await parse({
      resourceType: "Bundle",
      entry: [{ resource: patient }, { resource: reference }],
    });
    expect(summary.header.patients).toEqual([
      {
        identifiers: [{ authority: "urn:oid:1.2", value: "7" }],
        names: ["Ann Lee"],
        birthDate: "1950",
        sex: "female",
      },
    ]);
    expect(children).toMatchObject([
      { path: "entry[1].resource.content[0].attachment.data", fileName: "a.txt", bytes: Buffer.from("See me") },
    ]);
    expect(summary.warnings).toEqual([{ code: "attachment_not_available" }]);
  });

  test("a bundle of several patients names them all, as a conflict", async () => {
    const entry = ["Ann", "Bob"].map((text) => ({ resource: { resourceType: "Patient", name: [{ text }] } }));
    const { summary } = await parse({ resourceType: "Bundle", entry });
    expect(summary.header.patients.map(({ names }) => names)).toEqual([["Ann"], ["Bob"]]);
    expect(summary.warnings).toEqual([{ code: "identity_conflict" }]);
  });

  test("a resource a line is read like a bundle", async () => {
    const line = (status: string) => JSON.stringify({ resourceType: "Basic", status });
    expect((await parseBytes(`${line("one")}\n${line("two")}\n`)).sections).toHaveLength(2);
  });

  test("damaged JSON and too deep nesting have codes", async () => {
    await expect(parseBytes('{"resourceType": "Basic", "a": [')).rejects.toMatchObject({ code: "document_corrupt" });
    const deep = `{"resourceType":"Basic","a":${'{"a":'.repeat(20_000)}1${"}".repeat(20_001)}`;
    await expect(parseBytes(deep)).rejects.toMatchObject({ code: "limit_nesting" });
  });

  const coded = (text: string, code = "x", system = "http://loinc.org") => ({ text, coding: [{ system, code }] });

  test("facts are what resources state, each with its place, its evidence and whom it is about", async () => {
    const subject = { reference: "Patient/p1" };
    const { facts, text } = await parse({
      resourceType: "Bundle",
      type: "collection",
      entry: [
        { resource: { resourceType: "Patient", id: "p0", name: [{ text: "Bob Roe" }] } },
        { resource: { resourceType: "Patient", id: "p1", name: [{ text: "Ann Lee" }] } },
        {
          resource: {
            resourceType: "Observation",
            status: "final",
            subject,
            text: div("<p>Blood pressure of 120/80 mmHg</p>"),
            category: [{ coding: [{ code: "vital-signs" }] }],
            code: coded("Blood pressure", "85354-9"),
            effectiveDateTime: "2025-01-02T08:30:00Z",
            component: [
              { code: coded("Systolic"), valueQuantity: { value: 120, unit: "mmHg" } },
              { code: coded("Diastolic"), dataAbsentReason: coded("not performed") },
            ],
          },
        },
        {
          resource: {
            resourceType: "Observation",
            status: "corrected",
            subject,
            code: coded("Potassium", "2823-3"),
            valueQuantity: { value: 6.1, unit: "mmol/L", comparator: ">" },
            interpretation: [{ coding: [{ code: "H" }] }],
            referenceRange: [{ low: { value: 3.5 }, high: { value: 5 } }],
          },
        },
        { resource: { resourceType: "Procedure", status: "not-done", subject, code: coded("Biopsy") } },
        {
          resource: {
            resourceType: "AllergyIntolerance",
            patient: subject,
            code: coded("Peanut"),
            criticality: "high",
            verificationStatus: { coding: [{ code: "refuted" }] },
          },
        },
        {
          resource: {
            resourceType: "Condition",
            subject,
            code: coded("Gout"),
            clinicalStatus: { coding: [{ code: "active" }] },
            verificationStatus: { coding: [{ code: "entered-in-error" }] },
          },
        },
        {
          resource: {
            resourceType: "MedicationRequest",
            status: "active",
            subject: { reference: "https://x/Patient/p0" },
            contained: [{ resourceType: "Medication", id: "m", code: coded("Metformin", "6809") }],
            medicationReference: { reference: "#m" },
            dosageInstruction: [{ doseAndRate: [{ doseQuantity: { value: 500, unit: "mg" } }] }],
            authoredOn: "2025",
          },
        },
        {
          resource: {
            resourceType: "Immunization",
            status: "completed",
            patient: subject,
            vaccineCode: coded("MMR", "03", "http://hl7.org/fhir/sid/cvx"),
            occurrenceDateTime: "2020-05",
          },
        },
      ],
    });
    const seen = facts.map((fact) => [
      fact.kind,
      fact.text,
      fact.value,
      fact.unit,
      fact.status,
      fact.source,
      fact.patient,
    ]);
    expect(seen).toEqual([
      ["vital", "Systolic", "120", "mmHg", "final", "entry[2].resource.component[0]", 1],
      ["vital", "Diastolic", null, null, "absent: not performed", "entry[2].resource.component[1]", 1],
      ["result", "Potassium", "> 6.1", "mmol/L", "corrected", "entry[3].resource", 1],
      ["procedure", "Biopsy", null, null, "negated", "entry[4].resource", 1],
      ["allergy", "Peanut", null, null, "negated", "entry[5].resource", 1],
      ["problem", "Gout", null, null, "entered_in_error", "entry[6].resource", 1],
      ["medication", "Metformin", "500", "mg", "active", "entry[7].resource", 0],
      ["immunization", "MMR", null, null, "completed", "entry[8].resource", 1],
    ]);
    expect(facts[2]).toMatchObject({ flag: "H", range: "3.5 – 5" });
    expect(facts.map(({ effective }) => effective?.value)).toEqual([
      "2025-01-02T08:30:00Z",
      "2025-01-02T08:30:00Z",
      undefined,
      undefined,
      undefined,
      undefined,
      "2025",
      "2020-05",
    ]);
    for (const { evidence, text: name, value } of facts) {
      const said = text.slice(evidence?.start, evidence?.end);
      expect(evidence && (said.includes(name) || said.includes(value ?? name))).toBe(true);
    }
  });

  test.each([
    ["valueString", "low", "low"],
    ["valueBoolean", false, "false"],
    ["valueInteger", 3, "3"],
    ["valueCodeableConcept", { coding: [{ system: "s", code: "260373001", display: "Detected" }] }, "Detected"],
    ["valueRange", { low: { value: 1, unit: "mg" }, high: { value: 2, unit: "mg" } }, "1 mg – 2 mg"],
    ["valueRatio", { numerator: { value: 1 }, denominator: { value: 128 } }, "1 / 128"],
    ["valueDateTime", "2025-01-02", "2025-01-02"],
    ["valuePeriod", { start: "2025-01-02" }, "2025-01-02 – …"],
  ])("an observation's %s is its value", async (key, given, value) => {
    const { facts } = await parse({ resourceType: "Observation", status: "final", code: coded("Test"), [key]: given });
    expect(facts).toMatchObject([{ kind: "result", text: "Test", value, source: "Observation" }]);
  });

  test("a collection may be about many people, a document may not", async () => {
    const entry = ["Ann", "Bob"].map((text) => ({ resource: { resourceType: "Patient", name: [{ text }] } }));
    const warnings = async (bundle: object) => (await parse({ resourceType: "Bundle", ...bundle })).summary.warnings;
    expect(await warnings({ type: "searchset", entry })).toEqual([]);
    expect(await warnings({ type: "document", entry })).toEqual([{ code: "identity_conflict" }]);
  });

  test.each([
    ["Composition", { status: "final" }, "final"],
    ["Composition", { status: "amended" }, "corrected"],
    ["DocumentReference", { status: "superseded", docStatus: "final" }, "superseded"],
    ["DocumentReference", { status: "current", docStatus: "preliminary" }, "preliminary"],
    ["DiagnosticReport", { status: "entered-in-error" }, "entered_in_error"],
    ["Condition", { verificationStatus: { coding: [{ system: "x", code: "entered-in-error" }] } }, "entered_in_error"],
    ["MedicationRequest", { status: "cancelled" }, undefined],
  ])("%s of %j stands as %s", async (resourceType, fields, status) => {
    const { summary } = await parse({ resourceType, code: { text: "It" }, text: div("Words"), ...fields });
    expect(summary.header.status?.value).toBe(status);
  });

  test("a document names its numbers and what it does to others, by identifier or by reference within its patient's", async () => {
    const { header } = (
      await parse({
        resourceType: "DocumentReference",
        id: "d2",
        meta: { versionId: "3" },
        status: "current",
        masterIdentifier: { system: "urn:ietf:rfc:3986", value: "urn:oid:1.2.3" },
        subject: { reference: "Patient/7" },
        description: "Letter",
        context: { period: { start: "2025-01-01" }, encounter: [{ identifier: { value: "V9" } }] },
        relatesTo: [
          { code: "replaces", target: { identifier: { system: "urn:oid:1.2", value: "d1" } } },
          { code: "appends", target: { reference: "DocumentReference/d0" } },
          { code: "signs", target: { reference: "DocumentReference/d9" } },
        ],
      })
    ).summary;
    expect(header).toMatchObject({
      identifiers: [
        { system: "urn:ietf:rfc:3986", value: "urn:oid:1.2.3" },
        { system: "Patient/7/DocumentReference", value: "d2" },
      ],
      version: "3",
      dates: [{ kind: "service", value: "2025-01-01" }],
      relations: [
        { kind: "replaces", target: { system: "urn:oid:1.2", value: "d1" }, source: "relatesTo[0]" },
        {
          kind: "appends",
          target: { system: "Patient/7/DocumentReference", value: "d0" },
          source: "relatesTo[1]",
        },
        { kind: "replaces", target: { system: "Patient/7/DocumentReference", value: "d2" }, source: "meta.versionId" },
      ],
    });
  });

  test("attachments are found whatever they say of themselves", async () => {
    const data = Buffer.from("See me").toString("base64");
    const { children, summary } = await parse({
      resourceType: "DiagnosticReport",
      status: "final",
      code: { text: "CT" },
      presentedForm: [
        { data: gzipSync("<ClinicalDocument/>").toString("base64"), contentType: "text/plain" },
        { data },
        { url: `data:text/plain;base64,${data}` },
        { url: "https://x/Binary/1" },
      ],
      contained: [{ resourceType: "Binary", contentType: "text/plain", data }],
    });
    expect(children.map(({ path, declaredType, bytes }) => [path, declaredType, String(bytes)])).toEqual([
      ["presentedForm[0].data", "text/plain", "<ClinicalDocument/>"],
      ["presentedForm[1].data", null, "See me"],
      ["presentedForm[2].url", "text/plain", "See me"],
      ["contained[0].data", "text/plain", "See me"],
    ]);
    expect(summary.warnings).toEqual([{ code: "attachment_not_available" }]);
  });

  test("a line that is no JSON costs itself alone", async () => {
    const line = JSON.stringify({ resourceType: "Basic", status: "one" });
    const { sections, summary } = await parseBytes(`${line}\n{"resourceType": "Ba\n${line}\n`);
    expect(sections).toHaveLength(2);
    expect(summary.warnings).toEqual([{ code: "lines_unreadable" }]);
  });

  describe("a file too large to hold", () => {
    const filler = "x".repeat(18_000);
    const observation = (index: number) => ({
      resource: {
        resourceType: "Observation",
        status: "final",
        subject: { reference: "Patient/1" },
        code: { text: `Test ${index}` },
        valueString: "well",
        extension: [{ url: "y", valueString: filler }],
      },
    });
    const entry = Array.from({ length: 1_000 }, (_each, index) => observation(index));
    const patient = { resource: { resourceType: "Patient", id: "1", name: [{ text: "Ann Lee" }] } };

    test("is read entry by entry, with what its end says", async () => {
      const bundle = {
        resourceType: "Bundle",
        entry: [...entry, patient],
        type: "document",
        identifier: { system: "s", value: "b" },
      };
      const { facts, summary } = await parse(bundle);
      expect(facts).toHaveLength(1_000);
      expect(facts.at(-1)).toMatchObject({ text: "Test 999", source: "entry[999].resource", patient: 0 });
      expect(summary.header).toMatchObject({
        patients: [{ names: ["Ann Lee"] }],
        identifiers: [{ system: "s", value: "b" }],
      });
    });

    test.each([
      ["a list", `[${entry.map(({ resource }) => JSON.stringify(resource)).join(",")}]`, "[999]"],
      ["lines", entry.map(({ resource }) => JSON.stringify(resource)).join("\n"), "line[999]"],
    ])("may be %s", async (_what, text, source) => {
      expect((await parseBytes(text)).facts.at(-1)).toMatchObject({ text: "Test 999", source });
    });

    test("and cut off is damaged", async () => {
      const text = JSON.stringify({ resourceType: "Bundle", entry });
      await expect(parseBytes(text.slice(0, -10))).rejects.toMatchObject({ code: "document_corrupt" });
    });
  });
});
