import type { Run } from "./pdf-layout.js";

/** As PDF writes it: what becomes of (1, 0), of (0, 1) and of the origin. */
export type Matrix = readonly [number, number, number, number, number, number];

/** `inner` first, then `outer`. */
export function combined(outer: Matrix, inner: Matrix): Matrix {
  const [a, b, c, d, e, f] = outer;
  const [g, h, i, j, k, l] = inner;
  return [a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * l + e, b * k + d * l + f];
}

/** A page's text by the direction it is written in (a quarter turn each), each as if it were upright. */
export class PageRuns {
  readonly #byDirection = new Map<number, Run[]>();

  /** `matrix` takes the text's own units to points from the upright page's top left corner, downwards. */
  add(text: string, [a, b, c, d, x, y]: Matrix, width: number, isRtl = false): void {
    const turns = ((Math.round(Math.atan2(b, a) / (Math.PI / 2)) % 4) + 4) % 4;
    const [right, down] = [
      [x, y],
      [y, -x],
      [-x, -y],
      [-y, x],
    ][turns] as [number, number];
    const size = Math.hypot(c, d) || Math.hypot(a, b) || 1;
    const run = { text, x: right, y: down, width, size, isRtl };
    const same = this.#byDirection.get(turns);
    if (same) same.push(run);
    else this.#byDirection.set(turns, [run]);
  }

  /** The direction of most of it first. */
  directions(): Run[][] {
    return [...this.#byDirection.values()].sort((one, other) => other.length - one.length);
  }
}
