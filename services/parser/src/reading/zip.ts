import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { SluiceError } from "@sluice/contracts";

const inflate = promisify(inflateRaw);
const endMark = Buffer.from("PK\x05\x06", "latin1");
const entryMark = 0x02014b50;
/** The end record with the longest comment. */
const tailLength = 65_557;

export interface ZipMember {
  name: string;
  /** In bytes, as the directory says; `read` does not trust it. */
  size: number;
  encrypted: boolean;
  compressedSize: number;
  method: number;
  offset: number;
}

/** A ZIP file by its directory; members are read one at a time, never beyond a total of `maxBytes` unpacked. */
export class Zip {
  readonly members: readonly ZipMember[];
  readonly #handle: FileHandle;
  #budget: number;

  private constructor(handle: FileHandle, members: ZipMember[], maxBytes: number) {
    this.#handle = handle;
    this.members = members;
    this.#budget = maxBytes;
  }

  /** Fails with `document_corrupt` where there is no readable directory, `limit_expanded_size` where it promises too much. */
  static async open(path: string, maxBytes: number): Promise<Zip> {
    const handle = await open(path);
    try {
      const members = await readDirectory(handle);
      const total = members.reduce((sum, member) => sum + member.size, 0);
      if (total > maxBytes) throw new SluiceError("limit_expanded_size");
      return new Zip(handle, members, maxBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  find(name: string): ZipMember | undefined {
    return this.members.find((member) => member.name === name);
  }

  async read(member: ZipMember): Promise<Buffer> {
    if (member.encrypted) throw new SluiceError("document_encrypted");
    const header = await readAt(this.#handle, member.offset, 30);
    const start = member.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const packed = await readAt(this.#handle, start, member.compressedSize);
    const bytes = member.method === 0 ? packed : await this.#inflate(packed, member.method);
    this.#budget -= bytes.length;
    if (this.#budget < 0) throw new SluiceError("limit_expanded_size");
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #inflate(packed: Buffer, method: number): Promise<Buffer> {
    if (method !== 8) throw new SluiceError("document_type_unsupported");
    try {
      return await inflate(packed, { maxOutputLength: Math.max(1, this.#budget) });
    } catch (error) {
      const tooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      throw new SluiceError(tooLarge ? "limit_expanded_size" : "document_corrupt", { cause: error });
    }
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  if (position < 0 || position + length > size) throw new SluiceError("document_corrupt");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new SluiceError("document_corrupt");
  return buffer;
}

async function readDirectory(handle: FileHandle): Promise<ZipMember[]> {
  const { size } = await handle.stat();
  const tail = await readAt(handle, Math.max(0, size - tailLength), Math.min(size, tailLength));
  const end = tail.lastIndexOf(endMark);
  if (end === -1 || end + 22 > tail.length) throw new SluiceError("document_corrupt");
  const directory = await readAt(handle, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const members: ZipMember[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === entryMark; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    members.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameLength).replaceAll("\\", "/"),
      encrypted: (directory.readUInt16LE(at + 8) & 1) === 1,
      method: directory.readUInt16LE(at + 10),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  if (members.length === 0) throw new SluiceError("document_corrupt");
  return members;
}
