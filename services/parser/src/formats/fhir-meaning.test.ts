import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const parse = (resource: object) => parseBytes(JSON.stringify(resource));
const div = (text: string) => ({ status: "generated", div: `<div xmlns="http://www.w3.org/1999/xhtml">${text}</div>` });
const observation = { resourceType: "Observation", status: "final", code: { text: "Test" }, valueString: "low" };
const request = { resourceType: "MedicationRequest", medicationCodeableConcept: { text: "Metformin" } };

describe("what FHIR means", () => {
  test.each([
    ["of the resource", { modifierExtension: [{ url: "http://x/StructureDefinition/notFound", valueBoolean: true }] }],
    [
      "of a part",
      {
        component: [
          { code: { text: "Part" }, valueInteger: 1, modifierExtension: [{ url: "y/notFound", valueBoolean: true }] },
        ],
      },
    ],
  ])("a modifier %s that is not known leaves text and no fact", async (_what, fields) => {
    const { facts, text, summary } = await parse({ ...observation, ...fields });
    expect(facts).toEqual([]);
    expect(text).toMatch(/Modifier – Not found – Value: true/);
    expect(text).toContain("Value: low");
    expect(summary.warnings).toEqual([{ code: "modifier_unknown" }]);
  });

  test.each([
    ["a focus", { focus: [{ reference: "RelatedPerson/9" }] }],
    ["a device as subject", { subject: { reference: "https://x/fhir/Device/3" } }],
    ["a group as subject", { subject: { type: "Group", display: "RelatedPerson/9" } }],
  ])("%s is somebody or something else: no fact about the patient", async (_what, fields) => {
    expect((await parse({ ...observation, ...fields })).facts).toEqual([]);
  });

  test("a focus is said, if only by its reference", async () => {
    expect((await parse({ ...observation, focus: [{ reference: "RelatedPerson/9" }] })).text).toContain(
      "Focus: RelatedPerson/9",
    );
  });

  test.each([
    ["proposal", "active", "planned"],
    ["plan", "draft", "planned"],
    ["plan", "stopped", "stopped"],
    ["order", "active", "active"],
  ])("a medication's %s that is %s is %s", async (intent, status, stands) => {
    expect((await parse({ ...request, intent, status })).facts).toMatchObject([{ status: stands }]);
  });

  test.each([
    ["MedicationStatement", { medicationCodeableConcept: { text: "It" }, status: "completed", taken: "n" }, "negated"],
    [
      "MedicationStatement",
      {
        medication: { concept: { text: "It" } },
        status: "recorded",
        adherence: { code: { coding: [{ code: "not-taking" }] } },
      },
      "negated",
    ],
    [
      "MedicationAdministration",
      { medicationReference: { display: "It" }, status: "completed", notGiven: true },
      "negated",
    ],
    ["MedicationDispense", { medicationReference: { display: "It" }, status: "declined" }, "negated"],
    ["Procedure", { code: { text: "It" }, status: "suspended", notDone: true }, "negated"],
    ["Procedure", { code: { text: "It" }, status: "preparation" }, "planned"],
    ["AllergyIntolerance", { substance: { text: "It" }, status: "refuted" }, "negated"],
  ])("a %s of %j is %s, whichever release it is of", async (resourceType, fields, status) => {
    expect((await parse({ resourceType, ...fields })).facts).toMatchObject([{ text: "It", status }]);
  });

  test("a section says why it is empty, and its title stands above what is within it", async () => {
    const section = [
      { title: "Allergies", emptyReason: { coding: [{ code: "nilknown", display: "Nil Known" }] } },
      { title: "History", section: [{ title: "Family", text: div("None of note") }] },
    ];
    const { text } = await parse({ resourceType: "Composition", title: "Visit", section });
    expect(text).toBe("Visit\nTitle: Visit\n\nAllergies\nEmpty reason: Nil Known\n\nHistory\n\nFamily\nNone of note");
  });

  test.each(["1.10", "0.50", "1e3", "12345678901234567890", "-0.0"])(
    "a number %s stays as it was written",
    async (written) => {
      const resource = { ...observation, valueString: undefined, valueQuantity: { value: 0, unit: "mg" } };
      const given = JSON.stringify(resource).replace('"value":0', `"value": ${written}`);
      const range = JSON.stringify({ ...resource, note: [{ text: `"${written}\\` }] }).replace(
        '"value":0',
        `"value": ${written}`,
      );
      for (const content of [given, range]) {
        const { facts, text } = await parseBytes(content);
        expect(facts).toMatchObject([{ value: written, unit: "mg" }]);
        expect(text).toContain(`Value: ${written} mg`);
      }
    },
  );

  test("numbers of a file too large to hold stay as they were written", async () => {
    const given = JSON.stringify({ ...observation, valueString: undefined, valueQuantity: { value: 7 } });
    const filler = JSON.stringify({
      resourceType: "Basic",
      extension: [{ url: "y", valueString: "x".repeat(17_000_000) }],
    });
    const { facts } = await parseBytes(`[${given.replace(":7", ":1.10")},${given},${filler}]`);
    expect(facts.map(({ value }) => value)).toEqual(["1.10", "7"]);
  });

  test("a value is said only where it stands by itself", async () => {
    const dose = { resourceType: "Observation", code: { text: "Dose" }, valueQuantity: { value: 5, unit: "mg" } };
    expect((await parse({ ...dose, text: div("Dose of 25 mg, 5 mg more") })).text).not.toContain("Value: 5 mg");
    expect((await parse({ ...dose, text: div("Dose of 25 mg, inactive") })).text).toContain("Value: 5 mg");
    expect((await parse({ ...request, doNotPerform: true, text: div("Metformin: true to plan") })).text).toContain(
      "Do not perform: true",
    );
  });

  test("names of nothing but spaces are no words", async () => {
    const name = [{ given: [" ", " "] }];
    expect((await parse({ resourceType: "Patient", name, text: div("Ann") })).text).toBe("Patient\nAnn");
  });

  test("a narrative of any length is gone through in bounded time", async () => {
    const section = Array.from({ length: 20_000 }, (_each, index) => ({
      note: [{ text: `b a${index % 2 ? " a" : ""}` }],
    }));
    const { text } = await parse({ resourceType: "Basic", text: div(`${"a ".repeat(500_000)}b`), extra: section });
    expect(text).toContain("Extra – Note: b a");
  });
});

describe("whom FHIR is about", () => {
  const about = (...subjects: object[]) => ({
    resourceType: "Bundle",
    type: "document",
    entry: [
      { resource: { resourceType: "Composition", title: "Visit", subject: { reference: "Patient/1" } } },
      ...subjects.map((subject) => ({ resource: { ...observation, subject } })),
      { fullUrl: "https://x/Patient/1", resource: { resourceType: "Patient", id: "1", name: [{ text: "Ann Lee" }] } },
    ],
  });

  test.each([
    ["the same, by another form of address", { reference: "https://x/Patient/1/_history/2" }, []],
    ["somebody who is not in the bundle", { reference: "Patient/2" }, ["identity_conflict"]],
    ["somebody with a name of her own", { reference: "Patient/2", display: "Bea Roe" }, ["identity_conflict"]],
  ])("%s", async (_what, subject, warnings) => {
    expect((await parse(about(subject))).summary.warnings.map(({ code }) => code)).toEqual(warnings);
  });

  test("two people who are both elsewhere are a conflict in a document, and none in a collection", async () => {
    const entry = ["Patient/1", "Patient/2"].map((reference) => ({
      resource: { ...observation, subject: { reference } },
    }));
    const codes = async (type: string) => (await parse({ resourceType: "Bundle", type, entry })).summary.warnings;
    expect(await codes("message")).toEqual([{ code: "identity_conflict" }]);
    expect(await codes("searchset")).toEqual([]);
  });

  test("a fact keeps to whom its reference names", async () => {
    const { facts, summary } = await parse(about({ reference: "Patient/2", display: "Bea Roe" }));
    expect(summary.header.patients[facts[0]?.patient ?? -1]?.names).toEqual(["Bea Roe"]);
  });
});
