import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { unstorable, validate } from "./validate.js";

const schema = z.strictObject({ name: z.string().max(3), more: z.strictObject({ n: z.number() }).optional() });
const errorsOf = (input: unknown): unknown => {
  try {
    validate(schema, input);
  } catch (error) {
    return (error as { errors?: unknown }).errors;
  }
  return undefined;
};

describe("validation", () => {
  it("names every field that is wrong, by its path", () => {
    expect(errorsOf({ name: 1, more: { n: "x", o: 1 }, extra: true })).toEqual([
      { path: "name", message: expect.any(String) },
      { path: "more.n", message: expect.any(String) },
      { path: "more.o", message: "Unknown field" },
      { path: "extra", message: "Unknown field" },
    ]);
  });

  it("does not repeat values", () => {
    expect(JSON.stringify(errorsOf({ name: "canary" }))).not.toContain("canary");
  });

  it.each([
    [{ a: ["x", "y\0"] }, "a.1"],
    [{ a: { "b\0": 1 } }, "a"],
    [{ a: "\ud800" }, "a"],
    ["\udc00x", ""],
  ])("finds what can't be stored in %j", (input, path) => {
    expect(unstorable(input)).toMatchObject({ path });
  });

  it("lets whole characters through, and bounded depth only", () => {
    expect(unstorable({ a: "𝄞 häm ✓\n", b: [null, 1, true] })).toBeUndefined();
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(unstorable(deep)).toMatchObject({ message: expect.stringContaining("nested") });
  });
});
