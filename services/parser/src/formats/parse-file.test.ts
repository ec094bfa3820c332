import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const warnings = async (content: string | Uint8Array, declared: string) =>
  (await parseBytes(content, declared)).summary.warnings.map((warning) => warning.code);

describe("what a file is", () => {
  test("content beats the declared type, and the contradiction is recorded", async () => {
    const { summary } = await parseBytes("<!doctype html><p>Not a PDF", "application/pdf");
    expect(summary).toMatchObject({
      format: "html",
      mediaType: "text/html",
      warnings: [{ code: "declared_type_wrong" }],
    });
  });

  test("declarations that are merely general are no contradiction", async () => {
    expect(await warnings('{"resourceType":"Basic","status":"final"}', "application/json")).toEqual([]);
    expect(await warnings("a note", "application/octet-stream")).toEqual([]);
    expect(await warnings("a note", "text/plain; charset=utf-8")).toEqual([]);
  });

  test("text declared as Markdown or HTML is read as that", async () => {
    expect((await parseBytes("# Plan\nrest", "text/markdown")).summary.format).toBe("markdown");
    expect((await parseBytes("Take <b>two</b> daily", "text/html")).text).toBe("Take two daily");
  });

  test.each([
    ["an unknown binary", Buffer.from([1, 2, 3, 4, 0, 0, 0, 254, 255, 3, 2, 1]), "document_type_unsupported"],
    ["JSON that is not FHIR", '{"a": 1}', "document_type_unsupported"],
    ["an empty file", "", "document_empty"],
    ["white space", " \n\t\n ", "document_empty"],
    ["a picture", Buffer.from("89504e470d0a1a0a0000", "hex"), "ocr_required"],
  ])("%s has a code of its own", async (_what, content, code) => {
    await expect(parseBytes(content)).rejects.toMatchObject({ code });
  });
});
