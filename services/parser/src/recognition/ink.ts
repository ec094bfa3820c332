import { type Grey, resize } from "../picture/grey.js";

/** What a look at a page from afar tells, before anything is read. */
export interface Ink {
  /** Pixels of ink at 100 dots an inch that have others beside them, specks being none; with the page's margins and without. */
  all: number;
  inner: number;
  /** Whether lines seem to run from top to bottom. */
  isSideways: boolean;
}

const dotsPerInch = 100;
/** Punched holes, staples and a scanner's edges lie there: 16 mm, and of small pictures a part. */
const margin = 63;
const marginShare = 0.08;
/** How far from the paper's shade ink is. */
const contrast = 48;
/** How much more the lines must show across than along. */
const sidewaysRatio = 2;

export function inkOf(page: Grey, dpi: number): Ink {
  const scale = Math.min(1, dotsPerInch / dpi);
  const small = resize(page, atLeastOne(page.width * scale), atLeastOne(page.height * scale));
  const { width, height } = small;
  const isInk = inkMap(small);
  const [rows, columns] = [new Float64Array(height), new Float64Array(width)];
  const marginX = Math.min(margin, Math.floor(width * marginShare));
  const marginY = Math.min(margin, Math.floor(height * marginShare));
  let [all, inner] = [0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!isInk[y * width + x]) continue;
      rows[y] = (rows[y] as number) + 1;
      columns[x] = (columns[x] as number) + 1;
      if (neighbours(isInk, x, y, width, height) < 2) continue;
      all += 1;
      if (x >= marginX && x < width - marginX && y >= marginY && y < height - marginY) inner += 1;
    }
  }
  // Lines of text show as a profile that rises and falls from line to line.
  const along = unrest(rows) / width ** 2;
  const across = unrest(columns) / height ** 2;
  return { all, inner, isSideways: across / width > (sidewaysRatio * along) / height };
}

function inkMap({ data }: Grey): Uint8Array {
  const histogram = new Uint32Array(32);
  for (const shade of data) histogram[shade >> 3] = (histogram[shade >> 3] as number) + 1;
  const paper = histogram.indexOf(Math.max(...histogram)) * 8 + 4;
  return data.map((shade) => (Math.abs(shade - paper) > contrast ? 1 : 0));
}

function neighbours(isInk: Uint8Array, x: number, y: number, width: number, height: number): number {
  let count = -1;
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row += 1)
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column += 1)
      count += isInk[row * width + column] as number;
  return count;
}

function unrest(profile: Float64Array): number {
  let sum = 0;
  for (let index = 1; index < profile.length; index += 1)
    sum += ((profile[index] as number) - (profile[index - 1] as number)) ** 2;
  return sum;
}

function atLeastOne(size: number): number {
  return Math.max(1, Math.round(size));
}
