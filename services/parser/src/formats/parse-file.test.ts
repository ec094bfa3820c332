import { describe, expect, test } from "@jest/globals";
import { createCanvas } from "@napi-rs/canvas";
import { parseBytes } from "../testing/collect.js";
import { asFailure, traceOf } from "./failure.js";

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

  test("a picture is recognised where that is possible, and goes on to where it is otherwise", async () => {
    const png = createCanvas(1, 1).toBuffer("image/png");
    const lines = [{ text: "Dear colleague", confidence: 0.8, bbox: null }];
    const pages = { find: async () => null, keep: async () => {} };
    const recogniser = {
      engine: "test/1",
      recognise: async () => ({
        kind: "ocr" as const,
        text: "Dear\0 colleague\n",
        lines,
        rotation: 180 as const,
        confidence: 0.8,
      }),
    };
    const here = { kind: "here" as const, recogniser, pages, signal: new AbortController().signal };
    const read = await parseBytes(png, null, {}, here);
    expect(read.pages).toMatchObject([{ kind: "ocr", rotation: 180, confidence: 0.8, lines: [[0, 14, 0.8]] }]);
    expect(read.text).toBe("Dear colleague");
    await expect(parseBytes(png, null, {}, { kind: "elsewhere" })).rejects.toMatchObject({ name: "RecognitionNeeded" });
  });

  test("a fault in a format is not blamed on the file", async () => {
    const deep = '{"resourceType": "Basic", "text": {"div": "x"}, "code": {"coding": [null, 7, {"system": 3}]}}';
    expect((await parseBytes(deep)).summary.format).toBe("fhir");
    const stumble = () => (undefined as unknown as string[]).length;
    expect(asFailure(caught(stumble))).toMatchObject({ code: "parser_failed" });
    expect(asFailure(caught(() => JSON.parse("{")))).toMatchObject({ code: "document_corrupt" });
    expect(asFailure(caught(() => Buffer.from("x").readUInt32LE(0)))).toMatchObject({ code: "document_corrupt" });
    expect(traceOf(caught(stumble))).toMatchObject({
      name: "TypeError",
      frames: expect.arrayContaining([expect.stringMatching(/^stumble \(formats\/parse-file\.test\.\w+:\d+:\d+\)$/)]),
    });
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

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
