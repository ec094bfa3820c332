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
