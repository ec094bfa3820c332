import { crop, type Grey, resize } from "../picture/grey.js";
import type { Picture } from "../picture/picture.js";

/** What engines read best, and what they are given where they can be. */
const bestDpi = 300;
/** A scan that is this near is left as it is. */
const [coarsest, finest] = [240, 400];
/** Growing more adds nothing but blur. */
const mostGrowth = 3;
/** More pixels than a large page at the best resolution has take time and memory, and tell nothing. */
const mostPixels = 16_000_000;
/** The short side of most paper, in inches: how fine a picture is that does not say. */
const shortSide = 8.27;
/** One that seems coarser than this is doubled; more is worse than less where the size of the letters is a guess. */
const coarseGuess = 200;

/** A page ready to be read: its pixels square, its letters large enough. */
export interface PreparedPage {
  page: Grey;
  dpi: number;
}

export function prepare(picture: Picture): PreparedPage {
  const { width, height } = picture;
  const { x, y } = picture.dpi ?? guessDpi(Math.min(width, height));
  const target = targetDpi(Math.max(x, y), Math.min(x, y));
  const room = Math.sqrt(mostPixels / (width * (target / x) * (height * (target / y))));
  const dpi = target * Math.min(1, room);
  const to = (size: number, from: number) => Math.max(1, Math.round((size * dpi) / from));
  return { page: resize(picture, to(width, x), to(height, y)), dpi: Math.round(dpi) };
}

/** Such that what seems coarse is doubled, and the rest is left as it is. */
function guessDpi(side: number): { x: number; y: number } {
  const seems = side / shortSide;
  const dpi = seems < coarseGuess ? bestDpi / 2 : seems > finest ? seems : bestDpi;
  return { x: dpi, y: dpi };
}

/** The resolution of both directions in the end. */
function targetDpi(finer: number, coarser: number): number {
  if (finer > finest) return bestDpi;
  if (finer >= coarsest) return finer;
  return Math.min(bestDpi, coarser * mostGrowth);
}

/** The part of the page with the most ink, a square that reads the same however the page is turned. */
export function busiestPart(page: Grey, side: number): Grey {
  const [width, height] = [Math.min(side, page.width), Math.min(side, page.height)];
  const step = Math.max(1, Math.floor(side / 4));
  let best = { left: 0, top: 0, ink: -1 };
  for (let top = 0; top <= page.height - height; top += step) {
    for (let left = 0; left <= page.width - width; left += step) {
      const ink = edges(page, left, top, width, height);
      if (ink > best.ink) best = { left, top, ink };
    }
  }
  return crop(page, best.left, best.top, width, height);
}

/** How much the shades change, by a sample: letters do, shadows and black borders do not. */
function edges(page: Grey, left: number, top: number, width: number, height: number): number {
  let sum = 0;
  for (let y = top; y < top + height; y += 4) {
    for (let x = left + 2; x < left + width; x += 2) {
      const at = y * page.width + x;
      if (Math.abs((page.data[at] as number) - (page.data[at - 2] as number)) > 64) sum += 1;
    }
  }
  return sum;
}
