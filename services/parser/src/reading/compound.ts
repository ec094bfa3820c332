import { SluiceError } from "@sluice/contracts";

const endOfChain = 0xfffffffa;
const entryLength = 128;
const [storage, stream, root] = [1, 2, 5];
const none = 0xffffffff;

interface Entry {
  name: string;
  kind: number;
  start: number;
  size: number;
  left: number;
  right: number;
  child: number;
}

/** A compound file (OLE2) in memory: its streams by path. Chains that turn in circles or lead out of the file end in `document_corrupt`. */
export class Compound {
  /** Streams by their path, storages separated by `/`, in the order of the directory. */
  readonly streams: ReadonlyMap<string, Entry>;
  readonly #file: Buffer;
  readonly #sector: number;
  readonly #fat: number[] = [];
  readonly #miniFat: number[];
  readonly #mini: Buffer;
  readonly #miniCutoff: number;

  constructor(file: Buffer) {
    if (file.length < 512 || file.readUInt32LE(0) !== 0xe011cfd0) throw new SluiceError("document_corrupt");
    this.#file = file;
    const shift = file.readUInt16LE(0x1e);
    if (shift !== 9 && shift !== 12) throw new SluiceError("document_corrupt");
    this.#sector = 2 ** shift;
    this.#readFat();
    const entries = this.#directory(file.readUInt32LE(0x30));
    const top = entries[0];
    if (top?.kind !== root) throw new SluiceError("document_corrupt");
    this.#miniCutoff = file.readUInt32LE(0x38);
    this.#miniFat = numbers(this.#chain(file.readUInt32LE(0x3c)));
    this.#mini = this.#chain(top.start, top.size);
    this.streams = paths(entries, top.child);
  }

  find(path: string): Buffer | undefined {
    const entry = this.streams.get(path);
    return entry && this.read(entry);
  }

  read({ start, size }: Entry): Buffer {
    return size < this.#miniCutoff ? this.#miniChain(start, size) : this.#chain(start, size);
  }

  #readFat(): void {
    const places: number[] = [];
    for (let at = 0x4c; at < 0x200; at += 4) places.push(this.#file.readUInt32LE(at));
    const perSector = this.#sector / 4;
    const most = Math.ceil(this.#file.length / this.#sector);
    let [next, seen] = [this.#file.readUInt32LE(0x44), 0];
    while (next < endOfChain) {
      seen += 1;
      if (seen > most) throw new SluiceError("document_corrupt");
      const own = numbers(this.#at(next));
      places.push(...own.slice(0, perSector - 1));
      next = own[perSector - 1] ?? endOfChain;
    }
    for (const place of places.filter((each) => each < endOfChain).slice(0, most)) {
      for (const entry of numbers(this.#at(place))) this.#fat.push(entry);
    }
  }

  #directory(start: number): Entry[] {
    const bytes = this.#chain(start);
    const entries: Entry[] = [];
    for (let at = 0; at + entryLength <= bytes.length; at += entryLength) {
      const length = Math.min(64, bytes.readUInt16LE(at + 64));
      entries.push({
        name: length >= 2 ? bytes.toString("utf16le", at, at + length - 2) : "",
        kind: bytes[at + 66] ?? 0,
        left: bytes.readUInt32LE(at + 68),
        right: bytes.readUInt32LE(at + 72),
        child: bytes.readUInt32LE(at + 76),
        start: bytes.readUInt32LE(at + 116),
        size: bytes.readUInt32LE(at + 120),
      });
    }
    return entries;
  }

  #at(sector: number): Buffer {
    const from = (sector + 1) * this.#sector;
    return this.#file.subarray(from, from + this.#sector);
  }

  /** The bytes of a chain; one that is cut off by the end of the file gives what there is. */
  #chain(start: number, size = Number.POSITIVE_INFINITY): Buffer {
    const pieces: Buffer[] = [];
    let length = 0;
    for (let at = start; at < endOfChain && length < size; at = this.#fat[at] ?? endOfChain) {
      if (length > this.#file.length) throw new SluiceError("document_corrupt");
      const piece = this.#at(at);
      if (piece.length === 0) break;
      pieces.push(piece);
      length += piece.length;
    }
    return Buffer.concat(pieces).subarray(0, size);
  }

  #miniChain(start: number, size: number): Buffer {
    const pieces: Buffer[] = [];
    let length = 0;
    for (let at = start; at < endOfChain && length < size; at = this.#miniFat[at] ?? endOfChain) {
      if (length > this.#mini.length) throw new SluiceError("document_corrupt");
      const piece = this.#mini.subarray(at * 64, at * 64 + 64);
      if (piece.length === 0) break;
      pieces.push(piece);
      length += piece.length;
    }
    return Buffer.concat(pieces).subarray(0, size);
  }
}

function numbers(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) found.push(bytes.readUInt32LE(at));
  return found;
}

/** Walks the trees of names; an entry that is reached twice is a circle. */
function paths(entries: readonly Entry[], top: number): Map<string, Entry> {
  const found = new Map<string, Entry>();
  const seen = new Set<number>();
  const waiting: { index: number; folder: string }[] = [{ index: top, folder: "" }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { index, folder } = next;
    const entry = entries[index];
    if (index === none || !entry) continue;
    if (seen.has(index)) throw new SluiceError("document_corrupt");
    seen.add(index);
    const path = folder + entry.name;
    if (entry.kind === stream && !found.has(path)) found.set(path, entry);
    if (entry.kind === storage) waiting.push({ index: entry.child, folder: `${path}/` });
    waiting.push({ index: entry.left, folder }, { index: entry.right, folder });
  }
  return found;
}
