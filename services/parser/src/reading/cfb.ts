import { type FileHandle, open } from "node:fs/promises";
import { SluiceError } from "@sluice/contracts";

const endOfChain = 0xfffffffa;
/** A directory with more entries than this tells nobody what the file is. */
const maxSectors = 512;
const entryLength = 128;

/**
 * The names of the storages and streams in a compound file (DOC, XLS, MSG …), in the order of its directory, which is all it takes
 * to know which kind it is. Fails with `document_corrupt`.
 */
export async function cfbNames(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const header = await read(file, 0, 512);
    const shift = header.readUInt16LE(0x1e);
    if (shift !== 9 && shift !== 12) throw new SluiceError("document_corrupt");
    const size = 2 ** shift;
    const sector = (index: number) => read(file, (index + 1) * size, size);
    const names: string[] = [];
    const seen = new Set<number>();
    let at = header.readUInt32LE(0x30);
    while (at < endOfChain && seen.size < maxSectors) {
      if (seen.has(at)) throw new SluiceError("document_corrupt");
      seen.add(at);
      const directory = await sector(at);
      for (let entry = 0; entry < size; entry += entryLength) {
        const length = directory.readUInt16LE(entry + 64);
        const isUsed = directory[entry + 66] !== 0 && length >= 2 && length <= 64;
        if (isUsed) names.push(directory.toString("utf16le", entry, entry + length - 2));
      }
      at = await next(header, sector, at, size);
    }
    return names;
  } finally {
    await file.close();
  }
}

/** The sector after this one, by the allocation table; the header lists that table's first 109 sectors. */
async function next(
  header: Buffer,
  sector: (index: number) => Promise<Buffer>,
  at: number,
  size: number,
): Promise<number> {
  const entries = size / 4;
  const place = Math.floor(at / entries);
  // A directory this far into a file of many megabytes is enough to go by.
  if (place >= 109) return endOfChain;
  return (await sector(header.readUInt32LE(0x4c + place * 4))).readUInt32LE((at % entries) * 4);
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new SluiceError("document_corrupt");
  return buffer;
}
