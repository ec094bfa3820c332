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
      { path: "entry[1].content[0].attachment.data", fileName: "a.txt", bytes: Buffer.from("See me") },
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
});
