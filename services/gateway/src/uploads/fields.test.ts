import { describe, expect, it } from "@jest/globals";
import { createFieldReader } from "./fields.js";

const read = (...fields: [name: string, text: string][]) => {
  const reader = createFieldReader();
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
    expect(paths(read(["tags", JSON.stringify(Array.from({ length: 51 }, String))]))).toEqual(["tags"]);
  });

  it("that were cut off are wrong", () => {
    const reader = createFieldReader();
    reader.add("metadata", '{"a":', true);
    expect(reader.problem()?.errors).toEqual([{ path: "metadata", message: "Too long" }]);
  });
});
