/** A heading that a line of Markdown is (`## Findings`); null for any other line. */
export function headingOf(line: string): { level: number; title: string } | null {
  const [, marks, title = ""] = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line) ?? [];
  return marks === undefined ? null : { level: marks.length, title };
}

/** A table row's cells, without the bars around them. */
export function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.replaceAll("\\|", "|").trim());
}
