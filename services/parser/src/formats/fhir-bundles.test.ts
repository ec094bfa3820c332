import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const parse = (resource: object) => parseBytes(JSON.stringify(resource));
const data = Buffer.from("Chest film: no consolidation.").toString("base64");
const warned = async (resource: object) => (await parse(resource)).summary.warnings;

describe("FHIR", () => {
  test.each([
    ["a Binary", { resourceType: "Binary", data }, "data"],
    ["a picture or recording", { resourceType: "Media", status: "completed", content: { data } }, "content.data"],
  ])("the bytes of %s are handed on, whether or not it names their type", async (_what, resource, path) => {
    const { children } = await parse(resource);
    expect(children).toMatchObject([{ path, declaredType: null }]);
    expect(children[0]?.bytes.toString()).toBe("Chest film: no consolidation.");
  });

  test("a Binary without bytes is said to be missing", async () => {
    const entry = [
      { resource: { resourceType: "Binary" } },
      { resource: { resourceType: "Basic", code: { text: "x" } } },
    ];
    expect(await warned({ resourceType: "Bundle", entry })).toEqual([{ code: "attachment_not_available" }]);
  });

  test("a signature's data is no file", async () => {
    const signature = [{ when: "2024-01-01", who: { display: "Dr Kern" }, data }];
    const { children } = await parse({ resourceType: "Provenance", activity: { text: "Signed" }, signature });
    expect(children).toEqual([]);
  });

  test("a resource that says behind its attachment what it is is read", async () => {
    const long = Buffer.from("word ".repeat(9_000)).toString("base64");
    const { children, summary } = await parseBytes(
      `{"content": [{"attachment": {"data": "${long}"}}], "resourceType": "DocumentReference"}`,
    );
    expect(summary.format).toBe("fhir");
    expect(children).toHaveLength(1);
  });

  test("JSON that never says so is of no kind that is read", async () => {
    const other = `{"a": ["${"x".repeat(40_000)}"]}`;
    await expect(parseBytes(other)).rejects.toMatchObject({ code: "document_type_unsupported" });
  });

  test("parameters are read with the resources in their parts", async () => {
    const { text, facts } = await parse({
      resourceType: "Parameters",
      parameter: [
        { name: "status", valueString: "complete" },
        { name: "found", part: [{ name: "match", resource: { resourceType: "Condition", code: { text: "Asthma" } } }] },
      ],
    });
    expect(text).toContain("Parameter – Value: complete");
    expect(text.match(/Asthma/g)).toHaveLength(2);
    expect(facts).toMatchObject([{ text: "Asthma", source: "parameter[1].part[0].resource" }]);
  });

  test("what parameters say beside a resource does not keep it from speaking for the file", async () => {
    const resource = {
      resourceType: "Observation",
      status: "entered-in-error",
      code: { text: "Potassium" },
      identifier: [{ system: "urn:lab", value: "7" }],
    };
    const { summary } = await parse({
      resourceType: "Parameters",
      parameter: [
        { name: "count", valueInteger: 1 },
        { name: "return", resource },
      ],
    });
    expect(summary.header).toMatchObject({
      status: { value: "entered_in_error" },
      identifiers: [{ system: "urn:lab", value: "7" }],
    });
  });

  describe("a history", () => {
    const potassium = (version: string, value: number) => ({
      fullUrl: "https://x/Observation/1",
      resource: {
        resourceType: "Observation",
        id: "1",
        meta: { versionId: version },
        status: "final",
        code: { text: "Potassium" },
        valueQuantity: { value },
      },
    });
    const history = (...entry: object[]) => parse({ resourceType: "Bundle", type: "history", entry });

    test.each([
      ["newest first", ["2", "1"]],
      ["oldest first", ["1", "2"]],
    ])("states what the newest version says, %s", async (_order, versions) => {
      const { facts, text, summary } = await history(...versions.map((each) => potassium(each, Number(each))));
      expect(facts).toMatchObject([{ text: "Potassium", value: "2" }]);
      expect(text).toContain("Potassium [earlier version]");
      expect(summary.warnings).toContainEqual({ code: "earlier_version" });
    });

    test("states nothing of what was deleted since", async () => {
      const deletion = { request: { method: "DELETE", url: "Observation/1" } };
      expect((await history(deletion, potassium("1", 4))).facts).toEqual([]);
      expect((await history(potassium("3", 4), deletion, potassium("1", 5))).facts).toMatchObject([{ value: "4" }]);
    });
  });
});
