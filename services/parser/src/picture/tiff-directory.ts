import type { FileHandle } from "node:fs/promises";
import { SluiceError } from "@sluice/contracts";

/** The tags that are read. */
export const tag = {
  subfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  xResolution: 282,
  yResolution: 283,
  planarConfiguration: 284,
  t4Options: 292,
  resolutionUnit: 296,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  jpegOffset: 513,
  jpegLength: 514,
  subsampling: 530,
} as const;

/** Bytes of a value by its type; types not named are passed over. */
const typeSizes: Record<number, number> = {
  1: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
const known = new Set<number>(Object.values(tag));
/** Tags say no more values than this: strips, tiles or a palette. */
const maxValues = 1_000_000;
const maxEntries = 4_096;

/** One page's tags. */
export type Directory = ReadonlyMap<number, readonly number[]>;

/** Reads a TIFF's structure, in either byte order, with small or large offsets. */
export class TiffStructure {
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #isLittle: boolean;
  readonly #isBig: boolean;
  /** Where each directory is. */
  readonly directories: number[] = [];

  private constructor(file: FileHandle, size: number, head: Buffer) {
    this.#file = file;
    this.#size = size;
    this.#isLittle = head[0] === 0x49;
    this.#isBig = head[this.#isLittle ? 2 : 3] === 43;
  }

  /** Finds at most `maxDirectories`; a chain that breaks off, or bites its tail, ends there. */
  static async open(file: FileHandle, size: number, maxDirectories: number): Promise<TiffStructure> {
    const head = await readAt(file, 0, Math.min(16, size));
    if (head.length < 8) throw new SluiceError("document_corrupt");
    const structure = new TiffStructure(file, size, head);
    const view = viewOf(head);
    const isBig = structure.#isBig;
    if (isBig && head.length < 16) throw new SluiceError("document_corrupt");
    let next = isBig ? Number(view.getBigUint64(8, structure.#isLittle)) : view.getUint32(4, structure.#isLittle);
    const seen = new Set<number>();
    while (next > 0 && !seen.has(next) && structure.directories.length < maxDirectories) {
      seen.add(next);
      const directory = await structure.#entries(next);
      if (!directory) break;
      structure.directories.push(next);
      next = directory.next;
    }
    if (structure.directories.length === 0) throw new SluiceError("document_corrupt");
    return structure;
  }

  get isLittle(): boolean {
    return this.#isLittle;
  }

  async read(offset: number): Promise<Directory> {
    const directory = await this.#entries(offset);
    if (!directory) throw new SluiceError("document_corrupt");
    const { view, count, start, entrySize } = directory;
    const tags = new Map<number, readonly number[]>();
    for (let index = 0; index < count; index += 1) {
      const at = start + index * entrySize;
      const id = view.getUint16(at, this.#isLittle);
      if (known.has(id) && !tags.has(id)) tags.set(id, await this.#values(view, at));
    }
    return tags;
  }

  /** Bytes of the file; fewer where it ends. */
  bytes(offset: number, length: number): Promise<Buffer> {
    return readAt(this.#file, offset, Math.max(0, Math.min(length, this.#size - offset)));
  }

  async #entries(
    offset: number,
  ): Promise<{ view: DataView; count: number; start: number; entrySize: number; next: number } | null> {
    const [countSize, entrySize, linkSize] = this.#isBig ? [8, 20, 8] : [2, 12, 4];
    if (offset + countSize > this.#size) return null;
    const countView = viewOf(await this.bytes(offset, countSize));
    const count = this.#isBig
      ? Number(countView.getBigUint64(0, this.#isLittle))
      : countView.getUint16(0, this.#isLittle);
    const length = count * entrySize;
    if (count === 0 || count > maxEntries || offset + countSize + length > this.#size) return null;
    const bytes = await this.bytes(offset + countSize, length + linkSize);
    const view = viewOf(bytes);
    // The last link may be cut off.
    const hasLink = bytes.length === length + linkSize;
    const next = !hasLink
      ? 0
      : this.#isBig
        ? Number(view.getBigUint64(length, this.#isLittle))
        : view.getUint32(length, this.#isLittle);
    return { view, count, start: 0, entrySize, next };
  }

  /** An entry's values: within it where they fit, elsewhere in the file otherwise. */
  async #values(view: DataView, at: number): Promise<readonly number[]> {
    const type = view.getUint16(at + 2, this.#isLittle);
    const count = this.#isBig
      ? Number(view.getBigUint64(at + 4, this.#isLittle))
      : view.getUint32(at + 4, this.#isLittle);
    const size = typeSizes[type];
    if (!size || count > maxValues) return [];
    const [place, room] = this.#isBig ? [at + 12, 8] : [at + 8, 4];
    if (size * count <= room) return valuesOf(view, place, type, count, this.#isLittle);
    const offset = this.#isBig
      ? Number(view.getBigUint64(place, this.#isLittle))
      : view.getUint32(place, this.#isLittle);
    const bytes = await this.bytes(offset, size * count);
    return valuesOf(viewOf(bytes), 0, type, Math.floor(bytes.length / size), this.#isLittle);
  }
}

function valuesOf(view: DataView, start: number, type: number, count: number, isLittle: boolean): number[] {
  const size = typeSizes[type] ?? 1;
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    if (type === 5 || type === 10) return view.getUint32(at, isLittle) / (view.getUint32(at + 4, isLittle) || 1);
    if (size === 8) return Number(view.getBigUint64(at, isLittle));
    if (size === 4) return view.getUint32(at, isLittle);
    return size === 2 ? view.getUint16(at, isLittle) : view.getUint8(at);
  });
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  if (length <= 0) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
