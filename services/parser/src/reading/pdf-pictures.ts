import { OPS, Util } from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PDFPageProxy } from "pdfjs-dist/types/src/pdf.js";

const pictureOperators = new Set<number>([
  OPS.paintImageXObject,
  OPS.paintInlineImageXObject,
  OPS.paintImageMaskXObject,
]);
type Matrix = [number, number, number, number, number, number];

/** The share of a page, 0 to 1, that its largest picture covers. Scans cut into strips count together. */
export async function pictureShare(page: PDFPageProxy): Promise<number> {
  const { fnArray, argsArray } = await page.getOperatorList();
  const [left = 0, bottom = 0, right = 0, top = 0] = page.view;
  let current: Matrix = [1, 0, 0, 1, 0, 0];
  const saved: Matrix[] = [];
  let covered = 0;
  for (const [index, operator] of fnArray.entries()) {
    const args = argsArray[index] as unknown[] | null;
    if (operator === OPS.save) saved.push(current);
    else if (operator === OPS.restore || operator === OPS.paintFormXObjectEnd) current = saved.pop() ?? current;
    else if (operator === OPS.transform) current = Util.transform(current, args) as Matrix;
    else if (operator === OPS.paintFormXObjectBegin) {
      saved.push(current);
      if (Array.isArray(args?.[0])) current = Util.transform(current, args[0]) as Matrix;
    } else if (pictureOperators.has(operator)) {
      const [a, b, c, d] = current;
      covered += Math.abs(a * d - b * c);
    }
  }
  const area = (right - left) * (top - bottom);
  return area > 0 ? Math.min(1, covered / area) : 0;
}
