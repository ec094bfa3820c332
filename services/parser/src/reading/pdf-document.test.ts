import { describe, expect, test } from "@jest/globals";
import { temporaryFile } from "../testing/collect.js";
import { rawPdf, stream } from "../testing/pdf-files.js";
import { PdfDocument } from "./pdf-document.js";
import { PdfiumDocument } from "./pdfium-document.js";
import { PdfjsDocument } from "./pdfjs-document.js";

const helvetica = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>";

/** A page of 400 × 600 points whose lower left corner is not at the origin. */
function page(content: string, { more = "", font = helvetica, objects = [] as string[] } = {}): Buffer {
  return rawPdf([
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    `<</Type/Page/Parent 2 0 R/MediaBox[10 20 410 620]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>${more}>>`,
    stream(content),
    font,
    ...objects,
  ]);
}

const lines =
  "BT /F 12 Tf 60 500 Td (Potassium) Tj 120 0 Td (4.1 mmol/L) Tj ET BT 0 14 -14 0 40 80 Tm /F 1 Tf (sideways) Tj ET BT /F 9 Tf 2 0 0 2 60 300 Tm [(One)-4000(Two)] TJ ET";

async function both(file: Buffer): Promise<{ text: string; x: number; y: number; width: number; size: number }[][][]> {
  const { file: path } = await temporaryFile(file);
  const [pdfium, pdfjs] = [await PdfiumDocument.open(path), await PdfjsDocument.open(path)];
  const readings = [pdfium?.text(1)?.runs, await pdfjs.text(1)];
  pdfium?.destroy();
  await pdfjs.destroy();
  return readings.map((runs) =>
    (runs?.directions() ?? []).map((direction) =>
      direction
        .filter(({ text }) => text.trim() !== "")
        .map(({ text, x, y, width, size }) => ({ text: text.trim(), x, y, width, size })),
    ),
  );
}

async function read(file: Buffer): Promise<string> {
  const document = await PdfDocument.open((await temporaryFile(file)).file);
  try {
    return (await document.page(1)).text;
  } finally {
    await document.destroy();
  }
}

describe("a PDF's pages", () => {
  test.each([0, 90, 270])("turned by %i degrees, both readers find the same text at the same places", async (turn) => {
    const [pdfium = [], pdfjs = []] = await both(page(lines, { more: `/Rotate ${turn}` }));
    expect(pdfjs.flat()).toHaveLength(5);
    expect(pdfium.map((direction) => direction.map(({ text }) => text))).toEqual(
      pdfjs.map((direction) => direction.map(({ text }) => text)),
    );
    for (const [i, run] of pdfium.flat().entries()) {
      const other = pdfjs.flat()[i];
      for (const key of ["x", "y", "width", "size"] as const)
        expect(Math.abs(run[key] - (other?.[key] ?? 0))).toBeLessThan(1);
    }
  });

  test("what is upside down is read from its own left", async () => {
    expect(await read(page(lines, { more: "/Rotate 180" }))).toContain("Potassium 4.1 mmol/L\nOne Two");
  });

  test("what is drawn beside the page is not read", async () => {
    const file = page("BT /F 12 Tf -100 300 Td (Beside) Tj 160 0 Td (Within) Tj 0 400 Td (Above) Tj ET");
    expect(await read(file)).toBe("Within");
    expect((await both(file)).map((directions) => directions.flat().map(({ text }) => text))).toEqual([
      ["Within"],
      ["Within"],
    ]);
  });

  test("ligatures stay as they are in the file, which PDFium takes apart", async () => {
    const map = "1 begincodespacerange <00> <ff> endcodespacerange 2 beginbfchar <41> <0061> <42> <fb01> endbfchar";
    const font = helvetica.replace(">>", "/ToUnicode 6 0 R>>");
    const objects = [stream(`/CIDInit /ProcSet findresource begin 12 dict begin begincmap ${map} endcmap end end`)];
    const file = page("BT /F 12 Tf 60 500 Td (ABA) Tj ET", { font, objects });
    expect(await read(file)).toBe("a\ufb01a");
  });

  test("a hyphen that ends a line stays", async () => {
    const file = page("BT /F 12 Tf 14 TL 60 500 Td (an anti-) Tj T* (coagulated patient) Tj ET");
    expect(await read(file)).toBe("an anti-\ncoagulated patient");
  });

  test("Hebrew is read in the order of reading", async () => {
    const map = "1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <41> <5a> <05d0> endbfrange";
    const font = helvetica.replace(">>", "/ToUnicode 6 0 R>>");
    const objects = [stream(`/CIDInit /ProcSet findresource begin 12 dict begin begincmap ${map} endcmap end end`)];
    const file = page("BT /F 12 Tf 60 500 Td (CBA) Tj ET", { font, objects });
    expect(await read(file)).toBe("\u05d0\u05d1\u05d2");
  });

  test("a file that says it has more pages than there are has those that there are", async () => {
    const file = Buffer.from(page(lines).toString("latin1").replace("/Count 1>>", "/Count 9>>"), "latin1");
    const document = await PdfDocument.open((await temporaryFile(file)).file);
    expect(document.pages).toBe(1);
    expect((await document.page(1)).text).toContain("Potassium");
    await document.destroy();
  });

  test("a file without a table of its objects is read", async () => {
    const whole = page(lines).toString("latin1");
    const cut = Buffer.from(whole.replace(/xref[\s\S]*trailer/, "trailer").replace(/startxref\s+\d+/, ""), "latin1");
    expect(await read(cut)).toContain("Potassium 4.1 mmol/L");
  });
});
