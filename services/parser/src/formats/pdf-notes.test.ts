import { deflateSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { rawPdf, stream } from "../testing/pdf-files.js";

const words = "BT /F 12 Tf 72 700 Td (Penicillin allergy was noted) Tj ET";
/** A page of a line of text, with more objects from number 5 on. */
const page = (more: { page?: string; catalogue?: string; content?: string; objects?: string[] }) =>
  parseBytes(
    rawPdf([
      `<</Type/Catalog/Pages 2 0 R${more.catalogue ?? ""}>>`,
      "<</Type/Pages/Count 1/Kids[3 0 R]>>",
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</I 5 0 R>>>>${more.page ?? ""}>>`,
      more.content ?? stream(words),
      ...(more.objects ?? []),
    ]),
  );
const square = "[72 712 260 712 72 698 260 698]";
const packed = deflateSync(Array.from({ length: 60 }, (_, i) => words.replace("700", String(700 - i * 11))).join("\n"));
const flate = (bytes: Buffer) =>
  `<</Length ${bytes.length}/Filter/FlateDecode>>stream\n${bytes.toString("latin1")}\nendstream`;

describe("PDF", () => {
  test("what somebody struck through on a page is said to be", async () => {
    const { text } = await page({
      page: `/Annots[<</Subtype/StrikeOut/Rect[70 690 300 720]/QuadPoints${square}/F 4>>]`,
    });
    expect(text).toBe("Penicillin allergy was noted\n~~Penicillin allergy was noted~~");
  });

  test("a stamp without words that could be read is warned of", async () => {
    const drawing = "BT /F 20 Tf 5 10 Td (CANCELLED) Tj ET";
    const objects = [`<</Subtype/Form/BBox[0 0 99 50]/Length ${drawing.length}>>stream\n${drawing}\nendstream`];
    const stamp = (contents: string) =>
      page({ page: `/Annots[<</Subtype/Stamp/Rect[9 9 99 59]/F 4/AP<</N 5 0 R>>${contents}>>]`, objects });
    expect((await stamp("")).summary.warnings).toEqual([{ code: "annotations_unread", page: 1 }]);
    const { text, summary } = await stamp("/Contents(CANCELLED)");
    expect([text.includes("CANCELLED"), summary.warnings]).toEqual([true, []]);
  });

  test("what is filled into a form that a program lays out is a child", async () => {
    const data = "<datasets><data><Diagnosis>Asthma</Diagnosis></data></datasets>";
    const { children, summary } = await page({
      catalogue: "/NeedsRendering true/AcroForm<</Fields[]/XFA[(template) 5 0 R(datasets) 6 0 R]>>",
      objects: [stream("<template/>"), stream(data)],
    });
    expect(children).toMatchObject([{ path: "form", declaredType: "application/xml" }]);
    expect(children[0]?.bytes.toString()).toBe(data);
    expect(summary.warnings).toEqual([{ code: "form_dynamic" }]);
  });

  test("a form with fields of its own gives its fields", async () => {
    const { children, text } = await page({
      catalogue: "/AcroForm<</Fields[6 0 R]/XFA[(datasets) 5 0 R]>>",
      page: "/Annots[6 0 R]",
      objects: [stream("<datasets/>"), "<</Subtype/Widget/FT/Tx/T(Name)/V(Kern)/Rect[9 9 99 30]/F 4>>"],
    });
    expect([children, text]).toEqual([[], "Penicillin allergy was noted\nName: Kern"]);
  });

  test("a page whose content is cut or damaged is said to be", async () => {
    const codes = async (bytes: Buffer) => (await page({ content: flate(bytes) })).summary.warnings;
    const damage = [{ code: "page_damaged", page: 1 }];
    expect(await codes(packed.subarray(0, packed.length - 40))).toEqual(damage);
    expect(await codes(packed)).toEqual([]);
    // The sum at the end alone is wrong.
    expect(await codes(Buffer.concat([packed.subarray(0, -1), Buffer.from([(packed.at(-1) ?? 0) ^ 1])]))).toEqual([]);
  });

  test("a picture behind a line of text is said to be unread where nobody recognises", async () => {
    const picture =
      "<</Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>stream\nx\nendstream";
    const { summary } = await page({ content: stream(`${words} 590 0 0 700 5 5 cm /I Do`), objects: [picture] });
    expect(summary.warnings).toEqual([{ code: "page_needs_ocr", page: 1 }]);
  });

  test("a file within that can't be read is warned of", async () => {
    const { children, summary } = await page({
      catalogue: "/Names<</EmbeddedFiles<</Names[(a.txt) 5 0 R (b.txt) 6 0 R]>>>>",
      objects: [
        "<</Type/Filespec/F(a.txt)/EF<</F 7 0 R>>>>",
        "<</Type/Filespec/F(b.txt)/EF<</F 99 0 R>>>>",
        stream("attached"),
      ],
    });
    expect(children.map(({ fileName }) => fileName)).toEqual(["a.txt"]);
    expect(summary.warnings).toEqual([{ code: "attachment_unreadable" }]);
  });
});
