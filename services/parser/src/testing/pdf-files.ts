import { deflateSync } from "node:zlib";

/** A PDF of these objects, numbered from 1, the first of which is the catalogue. */
export function rawPdf(objects: readonly string[]): Buffer {
  let text = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const place = text.length;
    text += `${index + 1} 0 obj${object}\nendobj\n`;
    return place;
  });
  const entries = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}`;
  const trailer = `trailer<</Root 1 0 R/Size ${objects.length + 1}>>\nstartxref\n${text.length}\n%%EOF`;
  return Buffer.from(text + table + trailer, "latin1");
}

export function stream(content: string): string {
  return `<</Length ${content.length}>>stream\n${content}\nendstream`;
}

/** A page of a line of text and thousands of shapes, so many times over: small on disk, large in memory. */
export function heavyPdf(pages: number): Buffer {
  const shapes = Array.from({ length: 4_000 }, (_, i) => `${i % 600} ${i % 800} 5 5 re f`).join("\n");
  const ids = Array.from({ length: pages }, (_, i) => 4 + i * 2);
  const each = ids.flatMap((id, i) => {
    const content = deflateSync(`BT /F 12 Tf 60 500 Td (Page ${i + 1} of a long record) Tj ET\n${shapes}`);
    return [
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents ${id + 1} 0 R/Resources<</Font<</F 3 0 R>>>>>>`,
      `<</Length ${content.length}/Filter/FlateDecode>>stream\n${content.toString("latin1")}\nendstream`,
    ];
  });
  return rawPdf([
    "<</Type/Catalog/Pages 2 0 R>>",
    `<</Type/Pages/Count ${pages}/Kids[${ids.map((id) => `${id} 0 R`).join(" ")}]>>`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ...each,
  ]);
}
