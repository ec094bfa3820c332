/** More nodes has no tree of pages that was meant well. */
const maxNodes = 100_000;
/** A node's type stands this near to its beginning, its end or its count: between them may be a long list of pages. */
const reach = 1_024;

/** How many objects are pages, as far as they are not packed; those that were replaced count once, those that were removed count too. */
export function pageObjects(file: Buffer): number {
  const found = new Set<string>();
  const objectBefore = lastBefore(file, " obj");
  for (let at = file.indexOf("/Page"); at !== -1; at = file.indexOf("/Page", at + 5)) {
    const isPage = !/[A-Za-z0-9]/.test(String.fromCharCode(file[at + 5] ?? 0));
    if (!isPage || !/\/Type\s*$/.test(file.toString("latin1", Math.max(0, at - 16), at))) continue;
    const start = objectBefore(at);
    const number = /(\d+)\s+\d+$/.exec(file.toString("latin1", Math.max(0, start - 24), Math.max(0, start)))?.[1];
    if (number) found.add(number);
  }
  return found.size;
}

/** Takes from a file the numbers of pages that it gives: who reads it then counts them in the tree of pages. */
export function dropPageCounts(file: Buffer): void {
  const objectBefore = lastBefore(file, " obj");
  let [end, nodes] = [0, 0];
  for (let at = file.indexOf("/Count"); at !== -1 && nodes < maxNodes; at = file.indexOf("/Count", at + 6)) {
    const start = objectBefore(at);
    if (end < at) end = file.indexOf("endobj", at);
    if (end === -1) break;
    if (start === -1) continue;
    nodes += 1;
    // Outlines count their entries, too.
    const places = [start, at - reach, end - reach].map((place) => Math.max(start, place));
    const near = places.map((place) => file.toString("latin1", place, Math.min(end, place + 2 * reach))).join(" ");
    if (/\/Type\s*\/Pages\b/.test(near)) file.write("/Cxunt", at, "latin1");
  }
  const linear = file.subarray(0, reach).indexOf("/Linearized");
  if (linear !== -1) file.write("/Linxarized", linear, "latin1");
}

/** The last place of a mark before a place, for places that only grow; -1 for none. */
function lastBefore(file: Buffer, mark: string): (place: number) => number {
  let [last, next] = [-1, file.indexOf(mark)];
  return (place) => {
    for (; next !== -1 && next < place; next = file.indexOf(mark, next + 1)) last = next;
    return last;
  };
}
