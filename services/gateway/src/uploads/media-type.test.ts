import { describe, expect, it } from "@jest/globals";
import { judge } from "./media-type.js";

const bytes = (text: string) => Buffer.from(text);

describe("what a file is", () => {
  it.each([
    ["%PDF-1.7 …", "text/plain", "x.txt", "application/pdf", "text/plain"],
    ["MSH|^~\\&|LAB", null, null, "application/hl7-v2", null],
    ["# Title", "application/octet-stream", "NOTE.MD", "text/markdown", "text/markdown"],
    ["# Title", "text/markdown", null, "text/markdown", "text/markdown"],
    ["a,b", "application/vnd.ms-excel", "list.CSV", "text/csv", "text/csv"],
    ["a,b", "text/csv; charset=iso-8859-2", "list.md", "text/csv", "text/csv; charset=iso-8859-2"],
    ["plain", "application/octet-stream", "a.b/c", "text/plain", "application/octet-stream"],
    ["<html><body>", "text/markdown", "x.md", "text/html", "text/markdown"],
  ])("%s sent as %s named %s", (head, declared, name, mediaType, declaredType) => {
    expect(judge(bytes(head), declared, name)).toEqual({ mediaType, declaredType });
  });

  it.each([["MZ\u0000\u0001\u0002"], ["7z\xbc\xaf\x27\x1c\0\x04"], ['{"a": 1}']])("%j is not taken in", (head) => {
    expect(() => judge(Buffer.from(head, "latin1"), "application/pdf", "x.pdf")).toThrow(
      expect.objectContaining({ code: "media_type_unsupported" }),
    );
  });
});
