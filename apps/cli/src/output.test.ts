import { describe, expect, it } from "@jest/globals";
import { printable, table } from "./output.js";

describe("what people see", () => {
  it("never passes control characters or changes of direction on to the terminal", () => {
    expect(printable("a\u001b[31mred\u0007\nb\u202egnp.exe")).toBe("a [31mred b gnp.exe");
  });

  it("cuts long text", () => {
    expect(printable("x".repeat(300), 10)).toBe("xxxxxxxxx…");
  });

  it("lines columns up by what a terminal shows, not by how it is written", () => {
    // Two Japanese characters are four columns wide; e and a combining accent are one.
    expect(
      table(
        ["name", "n"],
        [
          ["所見", "x"],
          ["e\u0301te\u0301", "y"],
        ],
      ),
    ).toBe("name  n\n────  ─\n所見  x\ne\u0301te\u0301   y");
  });

  it("lines columns up, numbers to the right", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["a", 5],
          ["bcd", 1_000],
        ],
      ),
    ).toBe("name  n\n────  ────\na        5\nbcd   1000");
  });
});
