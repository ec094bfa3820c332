import { SluiceError } from "@sluice/contracts";

const block = 512;
/** Long names and extended headers are read into memory; none that was meant well is longer. */
const maxHeader = 1024 * 1024;
const [file, oldFile, contiguous, longName, pax, globalPax] = ["0", "\0", "7", "L", "x", "g"];

export interface TarMember {
  name: string;
  /** Anything else is a folder, a link or a device. */
  isFile: boolean;
  size: number;
  /** To be read before the next member is asked for; what is left is passed over. */
  bytes: AsyncIterable<Uint8Array>;
}

/** Reads a TAR archive as a stream: ustar, pax and GNU's long names. Fails with `document_corrupt` where it breaks off or a header's checksum is wrong. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const input = new Blocks(source);
  let given: { path?: string; size?: number } = {};
  let members = 0;
  for (;;) {
    const header = await input.header();
    // Two empty blocks end an archive; one, or the end of the file, is taken for it as well.
    if (header === null || header.every((byte) => byte === 0)) {
      if (header === null && (members === 0 || input.isCut)) throw new SluiceError("document_corrupt");
      return;
    }
    if (!hasChecksum(header)) throw new SluiceError("document_corrupt");
    members += 1;
    const type = String.fromCharCode(header[156] ?? 0);
    const size = given.size ?? number(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) throw new SluiceError("document_corrupt");
    if (type === longName || type === pax || type === globalPax || type === "K") {
      if (size > maxHeader) throw new SluiceError("limit_expanded_size");
      const content = await input.all(size);
      if (type === longName) given.path = text(content, 0, content.length);
      if (type === pax) given = { ...given, ...extended(content) };
      continue;
    }
    const name = given.path ?? ownName(header);
    given = {};
    const isFile = [file, oldFile, contiguous].includes(type) && !name.endsWith("/");
    input.begin(size);
    yield { name, isFile, size, bytes: input.member() };
    await input.skipRest();
  }
}

/** Bytes of a stream by blocks, and members padded to them. */
class Blocks {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  /** Of the member that is open: bytes to come, and padding after them. */
  #left = 0;
  #padding = 0;
  /** The stream ended inside a block. */
  isCut = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Null at the end of the stream; a block that is cut off there is not one. */
  async header(): Promise<Uint8Array | null> {
    while (this.#rest.length < block) {
      const { value, done } = await this.#source.next();
      if (done) {
        this.isCut = this.#rest.length > 0;
        return null;
      }
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    return this.#take(block);
  }

  begin(size: number): void {
    [this.#left, this.#padding] = [size, (block - (size % block)) % block];
  }

  async *member(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      if (this.#rest.length === 0) await this.#more();
      const piece = this.#take(Math.min(this.#left, this.#rest.length));
      this.#left -= piece.length;
      yield piece;
    }
  }

  async all(size: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    this.begin(size);
    for await (const piece of this.member()) pieces.push(piece);
    await this.skipRest();
    return Buffer.concat(pieces);
  }

  async skipRest(): Promise<void> {
    for (let left = this.#left + this.#padding; left > 0; ) {
      // The last member's padding may be missing.
      if (this.#rest.length === 0 && !(await this.#more(left <= this.#padding))) break;
      left -= this.#take(Math.min(left, this.#rest.length)).length;
    }
    [this.#left, this.#padding] = [0, 0];
  }

  async #more(mayEnd = false): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done && !mayEnd) throw new SluiceError("document_corrupt");
    if (!done) this.#rest = value;
    return !done;
  }

  #take(length: number): Uint8Array {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

function hasChecksum(header: Uint8Array): boolean {
  let sum = 8 * 0x20;
  for (let at = 0; at < block; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  return sum === number(header, 148, 8);
}

/** Octal digits, or GNU's big-endian binary for sizes of 8 GB and more. */
function number(header: Uint8Array, at: number, length: number): number {
  const bytes = header.subarray(at, at + length);
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  const digits = text(header, at, length).trim();
  return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** Up to the first zero; in UTF-8, or Latin-1 where it is none. */
function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  const own = end === -1 ? field : field.subarray(0, end);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(own);
  } catch {
    return Buffer.from(own).toString("latin1");
  }
}

function ownName(header: Uint8Array): string {
  const isUstar = text(header, 257, 6).startsWith("ustar");
  const prefix = isUstar && header[262] === 0 ? text(header, 345, 155) : "";
  return prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100);
}

/** The records of a pax header: `27 path=…\n`, each with its length. */
function extended(content: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < content.length; ) {
    const length = Number.parseInt(content.toString("latin1", at, at + 12), 10);
    if (!(length > 0)) break;
    const [, key, value] = /^\d+ ([^=]+)=(.*)\n$/s.exec(content.toString("utf8", at, at + length)) ?? [];
    if (key === "path") found.path = value;
    if (key === "size") found.size = Number(value);
    at += length;
  }
  return found;
}
