import { describe, expect, it } from "@jest/globals";
import { jsonLine, prettyLine } from "./log-lines.js";

const line = JSON.stringify({
  level: "warn",
  time: "2026-01-02T03:04:05.678Z",
  service: "parser",
  pid: 7,
  organizationId: "o-1",
  queue: "parse",
  stage: "parse",
  ingestionId: "i-1",
  durationMs: 12,
  msg: "job.retrying",
});
const now = new Date("2026-01-02T03:04:05.000Z");

describe("the lines of a running stack", () => {
  it("are one readable line each for people", () => {
    const pretty = prettyLine("parser.2", line, { colour: false });
    expect(pretty).toMatch(
      /^\d\d:\d\d:05 parser\.2 {4}warn {2}job\.retrying stage=parse durationMs=12 ingestionId=i-1$/,
    );
    expect(prettyLine("stack", "redis ended\u001b[2J", { colour: false, now })).toMatch(
      /^\d\d:\d\d:05 stack {7}info {2}redis ended \[2J$/,
    );
  });

  it("are coloured only where that is asked for", () => {
    expect(prettyLine("parser", line, { colour: true })).toContain("\u001b[33m");
    expect(prettyLine("parser", line, { colour: false })).not.toContain("\u001b");
  });

  it("are JSON for programs, whoever says something", () => {
    expect(JSON.parse(jsonLine("parser.2", line))).toEqual({ ...JSON.parse(line), process: "parser.2" });
    expect(JSON.parse(jsonLine("stack", "redis ended", now))).toEqual({
      level: "info",
      time: now.toISOString(),
      service: "stack",
      process: "stack",
      msg: "redis ended",
    });
  });
});
