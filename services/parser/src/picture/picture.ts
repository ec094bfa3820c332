import type { Grey } from "./grey.js";

/** A page as it is to be read, upright as far as the file tells. */
export interface Picture extends Grey {
  /** Dots an inch, across and down, where the file says something that can be; a fax has twice as many across. */
  readonly dpi: { readonly x: number; readonly y: number } | null;
}

/** A resolution that a scanner or a fax may have; what is written by habit (72, 96) is not one. */
export function plausibleDpi(x: number, y: number): Picture["dpi"] {
  const isPlausible = (dpi: number) => dpi >= 97 && dpi <= 2_400;
  return isPlausible(Math.max(x, y)) && Math.min(x, y) >= 72 && Math.max(x, y) / Math.min(x, y) <= 4 ? { x, y } : null;
}
