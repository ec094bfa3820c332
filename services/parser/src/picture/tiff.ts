import { type FileHandle, open } from "node:fs/promises";
import { inflateSync, constants as zlib } from "node:zlib";
import { SluiceError } from "@sluice/contracts";
import { decodeCcitt } from "./ccitt.js";
import { checkPixels, decodeJpeg, decodePicture } from "./decode.js";
import { createGrey, type Grey, orient } from "./grey.js";
import { decodeLzw } from "./lzw.js";
import { type Picture, plausibleDpi } from "./picture.js";
import { type Directory, TiffStructure, tag } from "./tiff-directory.js";

const compressions = {
  none: 1,
  rle: 2,
  g3: 3,
  g4: 4,
  lzw: 5,
  oldJpeg: 6,
  jpeg: 7,
  deflate: 8,
  packBits: 32_773,
  oldDeflate: 32_946,
};
const photometrics = { whiteIsZero: 0, rgb: 2, palette: 3, separated: 5, yCbCr: 6 };
const bitDepths = [1, 2, 4, 8, 16, 32];
/** A strip or tile of a page is unpacked whole; so many bytes a pixel may it take. */
const maxBytesPerPixel = 8;
const floatingPoint = 3;
/** How bright red, green and blue are. */
const planeWeights = [0.3, 0.59, 0.11];

/** What a page's tags come to. */
interface Layout {
  width: number;
  height: number;
  bits: number;
  samples: number;
  compression: number;
  photometric: number;
  isReversed: boolean;
  isPlanar: boolean;
  predictor: number;
  /** Size of a strip or tile. */
  blockWidth: number;
  blockHeight: number;
  isTiled: boolean;
  offsets: readonly number[];
  lengths: readonly number[];
  tags: Directory;
}

/** A TIFF, page by page: a page's pixels are read when it is asked for. */
export class Tiff {
  readonly #file: FileHandle;
  readonly #structure: TiffStructure;
  readonly #pages: readonly Directory[];

  private constructor(file: FileHandle, structure: TiffStructure, pages: readonly Directory[]) {
    this.#file = file;
    this.#structure = structure;
    this.#pages = pages;
  }

  /** Finds the pages, one more than `maxPages` at most; previews and masks are none. */
  static async open(path: string, maxPages: number): Promise<Tiff> {
    const file = await open(path);
    try {
      const structure = await TiffStructure.open(file, (await file.stat()).size, (maxPages + 1) * 2);
      const pages: Directory[] = [];
      for (const offset of structure.directories) {
        const tags = await structure.read(offset);
        const isPage = ((tags.get(tag.subfileType)?.[0] ?? 0) & 0b101) === 0 && first(tags, tag.width, 0) > 0;
        if (isPage) pages.push(tags);
        if (pages.length > maxPages) break;
      }
      if (pages.length === 0) throw new SluiceError("document_corrupt");
      return new Tiff(file, structure, pages);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get pages(): number {
    return this.#pages.length;
  }

  /** Fails with `limit_pixels`, or `document_corrupt` where the page can't be read; what is cut off stays paper. */
  async page(number: number, maxPixels: number): Promise<Picture> {
    const tags = this.#pages[number - 1];
    if (!tags) throw new SluiceError("document_corrupt");
    const grey = await this.#pixels(tags, maxPixels);
    const orientation = first(tags, tag.orientation, 1);
    const unit = { 1: 0, 2: 1, 3: 2.54 }[first(tags, tag.resolutionUnit, 2)] ?? 0;
    const [x, y] = [first(tags, tag.xResolution, 0) * unit, first(tags, tag.yResolution, 0) * unit];
    const dpi = orientation >= 5 ? plausibleDpi(y, x) : plausibleDpi(x, y);
    return { ...orient(grey, orientation), dpi };
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #pixels(tags: Directory, maxPixels: number): Promise<Grey> {
    const [width, height] = [first(tags, tag.width, 0), first(tags, tag.height, 0)];
    checkPixels(width, height, maxPixels);
    if (first(tags, tag.compression, 1) === compressions.oldJpeg) return this.#oldJpeg(tags, maxPixels);
    const layout = layoutOf(tags, width, height);
    checkPixels(layout.blockWidth, layout.blockHeight, maxPixels + layout.width * 512);
    const bytesPerPixel = ((layout.isPlanar ? 1 : layout.samples) * layout.bits) / 8;
    const isKnown = bitDepths.includes(layout.bits) && first(tags, tag.sampleFormat, 1) !== floatingPoint;
    if (!isKnown || bytesPerPixel > maxBytesPerPixel) throw new SluiceError("document_corrupt");
    const page = createGrey(width, height);
    page.data.fill(255);
    const across = Math.ceil(width / layout.blockWidth);
    const down = Math.ceil(height / layout.blockHeight);
    const planes = layout.isPlanar && layout.photometric === photometrics.rgb ? Math.min(3, layout.samples) : 1;
    let read = 0;
    for (let index = 0; index < across * down * planes; index += 1) {
      const plane = Math.floor(index / (across * down));
      const within = index % (across * down);
      const left = (within % across) * layout.blockWidth;
      const top = Math.floor(within / across) * layout.blockHeight;
      const block = await this.#block(layout, index, Math.min(layout.blockHeight, height - top), maxPixels);
      if (!block) continue;
      read += 1;
      place(page, block, left, top, plane, planes);
    }
    if (read === 0) throw new SluiceError("document_corrupt");
    return page;
  }

  /** A strip or tile as grey; null where the file does not have it. */
  async #block(layout: Layout, index: number, rowsLeft: number, maxPixels: number): Promise<Grey | null> {
    const [offset, length] = [layout.offsets[index] ?? 0, layout.lengths[index] ?? 0];
    if (offset === 0 || length === 0) return null;
    const rows = layout.isTiled ? layout.blockHeight : rowsLeft;
    const packed = await this.#structure.bytes(offset, length);
    if (packed.length === 0) return null;
    if (layout.compression === compressions.jpeg) {
      return decodeJpeg(jpegStream(packed, layout), maxPixels).catch((error) => {
        if (error instanceof SluiceError && error.code === "document_corrupt") return null;
        throw error;
      });
    }
    const { isLittle } = this.#structure;
    return toGrey(
      unpack(layout.isReversed ? reversed(packed) : packed, layout, rows, isLittle),
      layout,
      rows,
      isLittle,
    );
  }

  /** The way before 1995: a whole JPEG file somewhere in this one, or its strip. */
  async #oldJpeg(tags: Directory, maxPixels: number): Promise<Grey> {
    const places = [
      [first(tags, tag.jpegOffset, 0), first(tags, tag.jpegLength, 0) || Number.MAX_SAFE_INTEGER],
      [first(tags, tag.stripOffsets, 0), tags.get(tag.stripByteCounts)?.reduce((sum, each) => sum + each, 0) ?? 0],
    ] as const;
    for (const [offset, length] of places) {
      if (offset === 0) continue;
      const bytes = await this.#structure.bytes(offset, length);
      if (bytes[0] !== 0xff || bytes[1] !== 0xd8) continue;
      const { data, width, height } = await decodePicture(bytes, maxPixels);
      return { data, width, height };
    }
    throw new SluiceError("document_corrupt");
  }
}

function first(tags: Directory, id: number, fallback: number): number {
  return tags.get(id)?.[0] ?? fallback;
}

function layoutOf(tags: Directory, width: number, height: number): Layout {
  const isTiled = tags.has(tag.tileOffsets) && tags.has(tag.tileWidth);
  const rowsPerStrip = first(tags, tag.rowsPerStrip, height) || height;
  const offsets = tags.get(isTiled ? tag.tileOffsets : tag.stripOffsets) ?? [];
  const lengths = tags.get(isTiled ? tag.tileByteCounts : tag.stripByteCounts);
  return {
    width,
    height,
    bits: first(tags, tag.bitsPerSample, 1),
    samples: Math.max(1, first(tags, tag.samplesPerPixel, 1)),
    compression: first(tags, tag.compression, compressions.none),
    photometric: first(tags, tag.photometric, photometrics.whiteIsZero),
    isReversed: first(tags, tag.fillOrder, 1) === 2,
    isPlanar: first(tags, tag.planarConfiguration, 1) === 2,
    predictor: first(tags, tag.predictor, 1),
    blockWidth: isTiled ? first(tags, tag.tileWidth, width) : width,
    blockHeight: isTiled ? first(tags, tag.tileHeight, height) : Math.min(rowsPerStrip, height),
    isTiled,
    offsets,
    // Some writers leave the lengths out: then it is the rest of the file, of which only as much is unpacked as is needed.
    lengths: lengths?.some((length) => length > 0) ? lengths : offsets.map(() => 64 * 1024 * 1024),
    tags,
  };
}

function unpack(packed: Uint8Array, layout: Layout, rows: number, isLittle: boolean): Uint8Array {
  const { blockWidth, bits, samples, isPlanar, compression, predictor } = layout;
  const perPixel = isPlanar ? 1 : samples;
  const length =
    layout.photometric === photometrics.yCbCr
      ? yCbCrSize(layout, rows)
      : Math.ceil((blockWidth * bits * perPixel) / 8) * rows;
  let bytes: Uint8Array;
  if (compression === compressions.none) bytes = packed.subarray(0, length);
  else if (compression === compressions.packBits) bytes = unpackBits(packed, length);
  else if (compression === compressions.lzw) bytes = decodeLzw(packed, length);
  else if (compression === compressions.deflate || compression === compressions.oldDeflate)
    bytes = inflate(packed, length);
  else if ([compressions.rle, compressions.g3, compressions.g4].includes(compression)) {
    if (bits !== 1 || samples !== 1) throw new SluiceError("document_corrupt");
    const scheme = compression === compressions.g4 ? "g4" : compression === compressions.g3 ? "g3" : "rle";
    const isTwoDimensional = (first(layout.tags, tag.t4Options, 0) & 1) === 1;
    bytes = decodeCcitt(packed, { width: blockWidth, height: rows, scheme, isTwoDimensional }).rows;
  } else throw new SluiceError("document_corrupt");
  const isPredicted =
    predictor === 2 && [compressions.lzw, compressions.deflate, compressions.oldDeflate].includes(compression);
  return isPredicted ? undoPrediction(bytes, blockWidth, perPixel, bits, isLittle) : bytes;
}

/** Never more than asked for; what is damaged or cut off ends early. */
function inflate(packed: Uint8Array, length: number): Uint8Array {
  try {
    return inflateSync(packed, { maxOutputLength: length + 65_536, finishFlush: zlib.Z_SYNC_FLUSH }).subarray(
      0,
      length,
    );
  } catch (cause) {
    throw new SluiceError("document_corrupt", { cause });
  }
}

function unpackBits(packed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (let from = 0; from < packed.length && at < length; ) {
    const control = packed[from++] as number;
    if (control < 128) {
      const run = packed.subarray(from, from + Math.min(control + 1, length - at));
      out.set(run, at);
      from += control + 1;
      at += run.length;
    } else if (control > 128) {
      const end = Math.min(length, at + 257 - control);
      out.fill(packed[from++] ?? 0, at, end);
      at = end;
    }
  }
  return out.subarray(0, at);
}

/** Each sample was written as what it differs from the one to its left. */
function undoPrediction(
  bytes: Uint8Array,
  width: number,
  samples: number,
  bits: number,
  isLittle: boolean,
): Uint8Array {
  const size = bits / 8;
  if (size !== 1 && size !== 2) return bytes;
  const stride = width * samples * size;
  const out = Uint8Array.from(bytes);
  const view = new DataView(out.buffer);
  for (let row = 0; row + stride <= out.length; row += stride) {
    for (let at = row + samples * size; at < row + stride; at += size) {
      const before = at - samples * size;
      if (size === 1) view.setUint8(at, view.getUint8(at) + view.getUint8(before));
      else view.setUint16(at, view.getUint16(at, isLittle) + view.getUint16(before, isLittle), isLittle);
    }
  }
  return out;
}

/** With colours at half the resolution, pixels come in groups: all their brightnesses, then two colours. */
function yCbCrSize(layout: Layout, rows: number): number {
  const [across = 2, down = 2] = layout.tags.get(tag.subsampling) ?? [];
  return Math.ceil(layout.blockWidth / across) * Math.ceil(rows / down) * (across * down + 2);
}

function toGrey(bytes: Uint8Array, layout: Layout, rows: number, isLittle: boolean): Grey {
  const { blockWidth: width, bits, photometric, isPlanar } = layout;
  const samples = isPlanar ? 1 : layout.samples;
  const grey = createGrey(width, rows);
  // What the file does not have stays paper.
  grey.data.fill(255);
  if (photometric === photometrics.yCbCr) {
    brightness(bytes, grey, layout);
    return grey;
  }
  const shadeOf = shades(layout);
  const stride = Math.ceil((width * bits * samples) / 8);
  const wholeRows = Math.min(rows, Math.floor(bytes.length / stride));
  const [pixel, size] = [new Array<number>(samples).fill(0), bits >> 3];
  for (let y = 0; y < wholeRows; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let sample = 0; sample < samples; sample += 1) {
        const index = x * samples + sample;
        if (size >= 1) {
          // The highest byte is enough for a shade.
          pixel[sample] = bytes[y * stride + index * size + (isLittle ? size - 1 : 0)] as number;
        } else {
          const bit = index * bits;
          pixel[sample] = ((bytes[y * stride + (bit >> 3)] as number) >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
        }
      }
      grey.data[y * width + x] = shadeOf(pixel);
    }
  }
  return grey;
}

/** From a pixel's samples, each as many bits as it has and the highest eight of more, to a shade. */
function shades({ bits, photometric, samples, isPlanar, tags }: Layout): (pixel: readonly number[]) => number {
  const most = (1 << Math.min(8, bits)) - 1;
  const full = (value = 0) => (value * 255) / most;
  if (photometric === photometrics.palette) {
    const map = tags.get(tag.colorMap) ?? [];
    const size = 1 << Math.min(8, bits);
    // Some writers give bytes for what should be words.
    const scale = map.some((value) => value > 255) ? 257 : 1;
    const channel = (value: number, index: number) => (map[index * size + value] ?? 0) / scale;
    return ([value = 0]) => 0.3 * channel(value, 0) + 0.59 * channel(value, 1) + 0.11 * channel(value, 2);
  }
  if (photometric === photometrics.separated && samples >= 4 && !isPlanar)
    return ([cyan, magenta, yellow, key]) =>
      Math.max(0, 255 - 0.3 * full(cyan) - 0.59 * full(magenta) - 0.11 * full(yellow) - full(key));
  if (photometric === photometrics.rgb && samples >= 3 && !isPlanar)
    return ([red, green, blue]) => 0.3 * full(red) + 0.59 * full(green) + 0.11 * full(blue);
  if (photometric === photometrics.whiteIsZero) return ([value]) => 255 - full(value);
  return ([value]) => full(value);
}

function brightness(bytes: Uint8Array, grey: Grey, layout: Layout): void {
  const [across = 2, down = 2] = layout.tags.get(tag.subsampling) ?? [];
  const group = across * down + 2;
  const groups = Math.ceil(grey.width / across);
  for (let y = 0; y < grey.height; y += 1) {
    for (let x = 0; x < grey.width; x += 1) {
      const start = (Math.floor(y / down) * groups + Math.floor(x / across)) * group;
      grey.data[y * grey.width + x] = bytes[start + (y % down) * across + (x % across)] ?? 255;
    }
  }
}

function place(page: Grey, block: Grey, left: number, top: number, plane: number, planes: number): void {
  const width = Math.min(block.width, page.width - left);
  for (let y = 0; y < block.height && top + y < page.height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [to, shade] = [(top + y) * page.width + left + x, block.data[y * block.width + x] as number];
      page.data[to] =
        planes === 1 ? shade : (plane === 0 ? 0 : (page.data[to] as number)) + shade * (planeWeights[plane] ?? 0);
    }
  }
}

/** A strip's JPEG has its tables elsewhere; and where it holds red, green and blue, nothing in it says so. */
function jpegStream(strip: Uint8Array, { tags, photometric }: Layout): Uint8Array {
  const tables = Uint8Array.from(tags.get(tag.jpegTables) ?? []);
  const start = Uint8Array.of(0xff, 0xd8);
  const isRgb = photometric === photometrics.rgb;
  // Adobe's segment, whose last byte says: as it is.
  const adobe = isRgb ? Buffer.from("ffee000e41646f626500640000000000", "hex") : new Uint8Array();
  return Buffer.concat([start, adobe, tables.subarray(2, Math.max(2, tables.length - 2)), strip.subarray(2)]);
}

const reversedByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  let turned = 0;
  for (let bit = 0; bit < 8; bit += 1) if (byte & (1 << bit)) turned |= 0x80 >> bit;
  return turned;
});

function reversed(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => reversedByte[byte] as number);
}
