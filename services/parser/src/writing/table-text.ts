/** A row as a line of the display text. A row of one cell is that cell. */
export function rowText(cells: readonly string[]): string {
  const lines = cells.map((cell) => cell.trim().replace(/\s*\n\s*/g, "; "));
  const filled = lines.filter(Boolean);
  return filled.length > 1 ? lines.join(" | ").trimEnd() : (filled[0] ?? "");
}
