import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { SluiceError } from "@sluice/contracts";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import type { Limits } from "../formats/format.js";

export interface ZipMember {
  name: string;
  encrypted: boolean;
  entry: Entry;
}

const [stored, deflated] = [0, 8];
/** Beside its files a directory lists folders, and what systems put there for themselves. */
const entriesPerMember = 4;
/** Parts of an Office document are no members, and a thousand of them no attack. */
const minEntries = 1_000;

/** A ZIP file by its directory; members are read one at a time, never beyond a total of `maxBytes` unpacked. */
export class Zip {
  readonly members: readonly ZipMember[];
  readonly #file: ZipFile;
  #budget: number;

  private constructor(file: ZipFile, members: ZipMember[], maxBytes: number) {
    this.#file = file;
    this.members = members;
    this.#budget = maxBytes;
  }

  /** Fails with `limit_members` or `limit_expanded_size` where the directory promises too much; what yauzl throws means a damaged file. */
  static async open(path: string, { maxExpandedBytes: maxBytes, maxChildren }: Limits): Promise<Zip> {
    // Names are decoded here and sizes counted here: yauzl would refuse the whole file for one odd name or a wrong size.
    const file = await openPromise(path, { autoClose: false, decodeStrings: false, validateEntrySizes: false });
    try {
      if (file.entryCount > Math.max(minEntries, maxChildren * entriesPerMember))
        throw new SluiceError("limit_members");
      const members: ZipMember[] = [];
      let total = 0;
      for await (const entry of file.eachEntry()) {
        total += entry.uncompressedSize;
        if (total > maxBytes) throw new SluiceError("limit_expanded_size");
        const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
        const name = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
        members.push({ name, encrypted: entry.isEncrypted(), entry });
      }
      return new Zip(file, members, maxBytes);
    } catch (error) {
      file.close();
      // Strong encryption hides the directory as well.
      if (/encrypt/i.test((error as Error).message)) throw new SluiceError("document_encrypted", { cause: error });
      throw error;
    }
  }

  find(name: string): ZipMember | undefined {
    return this.members.find((member) => member.name === name);
  }

  /** A member's bytes, which must be those that were packed. */
  read(member: ZipMember): Promise<Buffer> {
    return buffer(this.stream(member));
  }

  /** The same piece by piece: the end fails when they were not. */
  async *stream({ encrypted, entry }: ZipMember): AsyncGenerator<Buffer> {
    if (encrypted) throw new SluiceError("document_encrypted");
    if (entry.compressionMethod !== stored && entry.compressionMethod !== deflated) {
      throw new SluiceError("document_type_unsupported");
    }
    let checksum = 0;
    for await (const chunk of this.#counted(await this.#file.openReadStreamPromise(entry))) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (checksum !== entry.crc32) throw new SluiceError("document_corrupt");
  }

  close(): void {
    this.#file.close();
  }

  /** Stops at the budget, whatever size the directory gave. */
  async *#counted(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      this.#budget -= chunk.length;
      if (this.#budget < 0) throw new SluiceError("limit_expanded_size");
      yield chunk;
    }
  }
}
