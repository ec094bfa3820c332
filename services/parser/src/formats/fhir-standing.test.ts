import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const header = async (resources: object[], type = "collection") => {
  const entry = resources.map((resource) => ({ resource }));
  return (await parseBytes(JSON.stringify({ resourceType: "Bundle", type, entry }))).summary.header;
};
const report = (value: string, status: string, rest: object = {}) => ({
  resourceType: "DiagnosticReport",
  identifier: [{ system: "urn:oid:1.2", value }],
  status,
  code: { text: `Report ${value}` },
  subject: { reference: "Patient/7" },
  ...rest,
});
const number = (value: string) => ({ system: "urn:oid:1.2", value });

describe("what a bundle of FHIR stands as", () => {
  test("each of several reports says what it does to those before it, and all their numbers are the bundle's", async () => {
    const resources = [report("a", "final"), report("b", "amended"), report("c", "entered-in-error")];
    expect(await header(resources)).toMatchObject({
      status: { value: "corrected", source: "amended" },
      identifiers: expect.arrayContaining([number("a"), number("b"), number("c")]),
      relations: [
        { kind: "corrects", target: number("b"), source: "entry[1].resource.status" },
        { kind: "withdraws", target: number("c"), source: "entry[2].resource.status" },
      ],
    });
    expect((await header([report("a", "cancelled"), report("b", "cancelled")])).status?.value).toBe("cancelled");
    expect((await header([report("a", "final"), report("b", "partial")])).status?.value).toBe("preliminary");
  });

  test("each of several document references names what it replaces", async () => {
    const letter = (to: string) => ({
      resourceType: "DocumentReference",
      status: "current",
      masterIdentifier: number(`new ${to}`),
      relatesTo: [{ code: "replaces", target: { identifier: number(to) } }],
    });
    const { relations, identifiers } = await header([letter("x"), letter("y"), report("z", "corrected")]);
    expect(relations).toEqual([
      { kind: "replaces", target: number("x"), source: "entry[0].resource.relatesTo[0]" },
      { kind: "replaces", target: number("y"), source: "entry[1].resource.relatesTo[0]" },
      { kind: "corrects", target: number("z"), source: "entry[2].resource.status" },
    ]);
    // To replace one of the letters must not hide the others.
    expect(identifiers).toEqual([number("z")]);
  });

  test("one report in error does not take away what else was gathered with it", async () => {
    const condition = { resourceType: "Condition", code: { text: "Gout" } };
    expect(await header([condition, report("a", "entered-in-error")], "searchset")).toMatchObject({
      status: null,
      identifiers: [number("a")],
      relations: [{ kind: "withdraws", target: number("a") }],
    });
    const { status, identifiers } = await header([condition, report("a", "final")], "searchset");
    expect([status, identifiers]).toEqual([null, []]);
  });

  test("a composition speaks for its document, whatever reports are parts of it", async () => {
    const composition = { resourceType: "Composition", status: "final", title: "Discharge" };
    expect(await header([composition, report("a", "amended")], "document")).toMatchObject({
      status: { value: "final" },
      relations: [],
    });
  });
});
