import { describe, expect, it } from "@jest/globals";
import { createLogger, errorFields, type LogFields } from "./log.js";

function capture() {
  const lines: string[] = [];
  return {
    lines,
    logger: createLogger("test", { level: "debug", destination: { write: (line) => void lines.push(line) } }),
  };
}

describe("logs", () => {
  it("write the fields that are listed and no others", () => {
    const { lines, logger } = capture();
    logger.info("job.done", { ingestionId: "i", durationMs: 5, fileName: "Ann Miller.pdf" } as LogFields);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "job.done", ingestionId: "i", durationMs: 5 });
    expect(lines[0]).not.toContain("Miller");
  });

  it("write nothing of the wrong type, where an object could carry content", () => {
    const { lines, logger } = capture();
    logger.warn("x", { code: { text: "Ann Miller" } } as unknown as LogFields);
    expect(lines[0]).not.toContain("Miller");
  });

  it("say of an error what and where it was, never its message", () => {
    const cause = Object.assign(new TypeError("unexpected token in Ann Miller"), { code: "E1" });
    const fields = errorFields(new Error("Ann Miller's report is damaged", { cause }));
    expect(JSON.stringify(fields)).not.toContain("Miller");
    expect(fields).toMatchObject({ errorName: "Error < TypeError", errorCode: "E1" });
    expect(fields.stack).toContain("log.test");
  });

  it("say nothing of a message that looks like a stack, or of a code that is a sentence", () => {
    const error = Object.assign(new Error("bad input\n    at Ann Miller (1970:01:02)"), {
      code: "no such patient: Ann Miller",
    });
    expect(JSON.stringify(errorFields(error))).not.toContain("Miller");
  });
});
