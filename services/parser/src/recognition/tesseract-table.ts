import type { ReadLine } from "./text-reader.js";

/** The columns of tesseract's table of what it read, a row for each block, paragraph, line and word. */
const column = {
  level: 0,
  block: 2,
  paragraph: 3,
  left: 6,
  top: 7,
  width: 8,
  height: 9,
  confidence: 10,
  text: 11,
} as const;
const [lineLevel, wordLevel] = ["4", "5"];

export function linesOfTable(table: string): ReadLine[] {
  const lines: ReadLine[] = [];
  const paragraphs = new Map<string, number>();
  for (const row of table.split("\n")) {
    const cells = row.split("\t");
    if (cells[column.level] === lineLevel) {
      const number = (index: number) => Number(cells[index]);
      const [left, top] = [number(column.left), number(column.top)];
      const key = `${cells[column.block]} ${cells[column.paragraph]}`;
      const paragraph = paragraphs.get(key) ?? paragraphs.size;
      paragraphs.set(key, paragraph);
      lines.push({ words: [], box: [left, top, left + number(column.width), top + number(column.height)], paragraph });
    } else if (cells[column.level] === wordLevel) {
      const confidence = Math.min(1, Math.max(0, Number(cells[column.confidence]) / 100));
      lines.at(-1)?.words.push({ text: cells[column.text] ?? "", confidence });
    }
  }
  return lines;
}
