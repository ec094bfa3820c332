/** A picture in shades of grey, a byte a pixel, row by row without padding: 0 is black. */
export interface Grey {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Quarter turns, in degrees clockwise. */
export type Turn = 0 | 90 | 180 | 270;

export function createGrey(width: number, height: number): Grey {
  return { width, height, data: new Uint8Array(width * height) };
}

/** RGB or RGBA as grey; what is transparent is paper. */
export function greyOf(pixels: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: 3 | 4): Grey {
  const grey = createGrey(width, height);
  for (let at = 0, from = 0; at < grey.data.length; at += 1, from += channels) {
    const [red = 255, green = 255, blue = 255] = [pixels[from], pixels[from + 1], pixels[from + 2]];
    const shade = (red * 77 + green * 151 + blue * 28) >> 8;
    const cover = channels === 4 ? (pixels[from + 3] ?? 255) : 255;
    grey.data[at] = cover === 255 ? shade : 255 - ((255 - shade) * cover) / 255;
  }
  return grey;
}

export function turn(picture: Grey, degrees: Turn): Grey {
  if (degrees === 0) return picture;
  const { width, height, data } = picture;
  const turned = degrees === 180 ? createGrey(width, height) : createGrey(height, width);
  for (let y = 0, from = 0; y < height; y += 1) {
    let to = degrees === 90 ? height - 1 - y : degrees === 180 ? data.length - 1 - from : (width - 1) * height + y;
    const step = degrees === 90 ? height : degrees === 180 ? -1 : -height;
    for (let x = 0; x < width; x += 1, from += 1, to += step) turned.data[to] = data[from] ?? 0;
  }
  return turned;
}

export function mirror(picture: Grey): Grey {
  const mirrored = createGrey(picture.width, picture.height);
  for (let start = 0; start < picture.data.length; start += picture.width)
    mirrored.data.set(picture.data.slice(start, start + picture.width).reverse(), start);
  return mirrored;
}

/** The picture as EXIF and TIFF mean it to be shown: orientations 1 to 8, others are 1. */
export function orient(picture: Grey, orientation: number): Grey {
  const turns: Record<number, Turn> = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 };
  const flipped = [2, 4, 5, 7].includes(orientation) ? mirror(picture) : picture;
  return turn(flipped, turns[orientation] ?? 0);
}

export function crop(picture: Grey, left: number, top: number, width: number, height: number): Grey {
  const part = createGrey(width, height);
  for (let y = 0; y < height; y += 1) {
    const from = (top + y) * picture.width + left;
    part.data.set(picture.data.subarray(from, from + width), y * width);
  }
  return part;
}

/** Scaled to a size: the mean of the pixels that fall on one where it shrinks, in between of its neighbours where it grows. */
export function resize(picture: Grey, width: number, height: number): Grey {
  if (width === picture.width && height === picture.height) return picture;
  const across = samples(picture.width, width);
  const down = samples(picture.height, height);
  const rows = new Map<number, Float32Array>();
  /** A source row at the new width; kept while it is still needed. */
  const row = (y: number): Float32Array => {
    let made = rows.get(y);
    if (made) return made;
    made = new Float32Array(width);
    const start = y * picture.width;
    for (let x = 0; x < width; x += 1) {
      const { from, weights } = across[x] as Sample;
      let sum = 0;
      for (let index = 0; index < weights.length; index += 1)
        sum += (picture.data[start + from + index] ?? 0) * (weights[index] as number);
      made[x] = sum;
    }
    rows.set(y, made);
    return made;
  };
  const scaled = createGrey(width, height);
  for (let y = 0; y < height; y += 1) {
    const { from, weights } = down[y] as Sample;
    for (const old of rows.keys()) if (old < from) rows.delete(old);
    const sources = Array.from(weights, (_, index) => row(from + index));
    for (let x = 0; x < width; x += 1) {
      let sum = 0;
      for (let index = 0; index < weights.length; index += 1)
        sum += ((sources[index] as Float32Array)[x] as number) * (weights[index] as number);
      scaled.data[y * width + x] = sum + 0.5;
    }
  }
  return scaled;
}

interface Sample {
  from: number;
  weights: number[];
}

/** Which source pixels make each new one, and how much each counts. */
function samples(size: number, target: number): Sample[] {
  const ratio = size / target;
  return Array.from({ length: target }, (_, index) => {
    if (ratio > 1) {
      const [start, end] = [index * ratio, Math.min(size, (index + 1) * ratio)];
      const from = Math.floor(start);
      const weights: number[] = [];
      for (let at = from; at < end; at += 1)
        weights.push((Math.min(end, at + 1) - Math.max(start, at)) / (end - start));
      return { from, weights };
    }
    const centre = Math.min(size - 1, Math.max(0, (index + 0.5) * ratio - 0.5));
    const from = Math.floor(centre);
    const share = centre - from;
    return share === 0 ? { from, weights: [1] } : { from, weights: [1 - share, share] };
  });
}

/** As a PGM file, which every reader of pictures takes without a library. */
export function pgmOf({ width, height, data }: Grey): Uint8Array {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), data]);
}
