import { describe, expect, it } from "@jest/globals";
import { createFieldReader } from "./fields.js";

const maxBytes = 10_000;
const read = (...fields: [name: string, text: string][]) => {
  const reader = createFieldReader(maxBytes);
  for (const [name, text] of fields) reader.add(name, text, false);
  return reader;
};
const paths = (reader: ReturnType<typeof createFieldReader>) => reader.problem()?.errors?.map((error) => error.path);

describe("a form's fields", () => {
  it("are read in any order; tags may be repeated, a list, or both", () => {
    const reader = read(
      ["tags", "a"],
      ["metadata", '{"k":[1]}'],
      ["tags", '["b"]'],
      ["patient", "MRN|1"],
      ["externalId", ""],
    );
    expect(reader.problem()).toBeUndefined();
    expect(reader.read()).toEqual({ tags: ["a", "b"], metadata: { k: [1] }, patient: "MRN|1" });
  });

  it("are all named when several are wrong", () => {
    expect(
      paths(read(["colour", "red"], ["batchId", "x"], ["metadata", "{"], ["patient", "a"], ["patient", "b"])),
    ).toEqual(["colour", "metadata", "patient", "batchId"]);
    expect(paths(read(["metadata", "[1]"]))).toEqual(["metadata"]);
    expect(paths(read(["__proto__", "x"]))).toEqual(["__proto__"]);
  });

  it("that were cut off are wrong", () => {
    const reader = createFieldReader(maxBytes);
    reader.add("metadata", '{"a":', true);
    expect(reader.problem()?.errors).toEqual([{ path: "metadata", message: "Too long" }]);
  });

  it("are refused at the 51st tag, however the tags come", () => {
    const fifty = Array.from({ length: 50 }, String);
    const refused = { code: "request_invalid", errors: [{ path: "tags", message: "More than 50" }] };
    const reader = read(...fifty.map((tag): [string, string] => ["tags", tag]));
    expect(reader.read().tags).toEqual(fifty);
    expect(() => reader.add("tags", "one more", false)).toThrow(expect.objectContaining(refused));
    expect(() => read(["tags", "one"], ["tags", JSON.stringify(fifty)])).toThrow(expect.objectContaining(refused));
  });

  it("are refused when they are more than allowed together, their names included, whatever is wrong with them", () => {
    const piece = "x".repeat(999);
    const reader = createFieldReader(maxBytes);
    for (let i = 0; i < 10; i++) reader.add(String(i), piece, true);
    expect(() => reader.add("a", "", false)).toThrow(
      expect.objectContaining({
        code: "body_too_large",
        errors: [{ path: "a", message: "All fields of a form together may hold 10000 bytes" }],
      }),
    );
  });
});
