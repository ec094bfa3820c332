import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { packed, relationships } from "../testing/office-files.js";

const png = (length: number) => Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(length, 7)]);
const [scan, ornament] = [png(9_000), png(900)];
const emf = Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.alloc(9_000, 1)]);

const files: Record<string, { folder: string; parts: Record<string, string> }> = {
  docx: { folder: "word/media/", parts: { "word/document.xml": "<document><body/></document>" } },
  pptx: { folder: "ppt/media/", parts: { "ppt/presentation.xml": "<presentation/>" } },
  xlsx: { folder: "xl/media/", parts: { "xl/workbook.xml": "<workbook/>" } },
  odt: {
    folder: "Pictures/",
    parts: { mimetype: "application/vnd.oasis.opendocument.text", "content.xml": "<document-content/>" },
  },
};

describe.each(Object.entries(files))("a %s file", (_name, { folder, parts }) => {
  const read = async (more: Record<string, string | Buffer>) => parseBytes(await packed({ ...parts, ...more }));

  test("hands on its pictures, which may be scans, and counts ornaments and what is not read", async () => {
    const { children, summary } = await read({
      [`${folder}scan.png`]: scan,
      [`${folder}bullet.png`]: ornament,
      [`${folder}drawing.emf`]: emf,
    });
    expect(children.map(({ path, bytes }) => [path, bytes.equals(scan)])).toEqual([[`${folder}scan.png`, true]]);
    expect(summary.warnings.map(({ code }) => code).sort()).toEqual(["inline_picture_skipped", "picture_skipped"]);
  });
});

test("a letterhead, which stands on every page, is an ornament", async () => {
  const image = (target: string) => relationships({ r1: ["image", `media/${target}`] });
  const { children, summary } = await parseBytes(
    await packed({
      ...files.docx?.parts,
      "word/header1.xml": "<hdr/>",
      "word/_rels/header1.xml.rels": image("logo.png"),
      "word/_rels/document.xml.rels": image("scan.png"),
      "word/media/logo.png": scan,
      "word/media/scan.png": scan,
    }),
  );
  expect(children.map(({ fileName }) => fileName)).toEqual(["scan.png"]);
  expect(summary.warnings).toEqual([{ code: "inline_picture_skipped" }]);
});

test("charts are said to be left out", async () => {
  const body = "<document><body><p><r><t>Values below</t></r></p></body></document>";
  const { summary } = await parseBytes(
    await packed({ "word/document.xml": body, "word/charts/chart1.xml": "<chartSpace/>" }),
  );
  expect(summary.warnings).toEqual([{ code: "chart_skipped" }]);
});

test("pictures that stand in a page of HTML are handed on", async () => {
  const image = (bytes: Buffer, type = "png") => `<img src="data:image/${type};base64,${bytes.toString("base64")}">`;
  const { children, summary } = await parseBytes(
    `<html><body>${image(scan)}${image(ornament)}${image(scan, "svg+xml")}<img src="https://x/y.png"></body></html>`,
  );
  expect(children.map(({ declaredType, bytes }) => [declaredType, bytes.equals(scan)])).toEqual([["image/png", true]]);
  expect(summary.warnings.map(({ code }) => code).sort()).toEqual(["inline_picture_skipped", "picture_skipped"]);
});
