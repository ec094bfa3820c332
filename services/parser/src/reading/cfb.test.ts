import { expect, test } from "@jest/globals";
import { temporaryFile } from "../testing/collect.js";
import { cfbNames } from "./cfb.js";

const end = 0xfffffffe;

/** A compound file of two directory sectors (1 and 2) behind its allocation table (0). */
function compound(names: string[], chain = [0xfffffffd, 2, end]): Buffer {
  const file = Buffer.alloc(512 * 4);
  Buffer.from("d0cf11e0a1b11ae1", "hex").copy(file);
  file.writeUInt16LE(9, 0x1e);
  file.writeUInt32LE(1, 0x30);
  file.fill(0xff, 0x4c, 512);
  file.writeUInt32LE(0, 0x4c);
  for (const [index, value] of chain.entries()) file.writeUInt32LE(value, 512 + index * 4);
  for (const [index, name] of names.entries()) {
    const at = 1024 + index * 128;
    file.write(name, at, "utf16le");
    file.writeUInt16LE((name.length + 1) * 2, at + 64);
    file.writeUInt8(index === 0 ? 5 : 2, at + 66);
  }
  return file;
}

test("the names in a compound file's directory are read along its chain of sectors", async () => {
  const names = ["Root Entry", "WordDocument", "1Table", "Data", "\u0005SummaryInformation"];
  expect(await cfbNames((await temporaryFile(compound(names))).file)).toEqual(names);
});

test.each([
  ["goes in circles", compound(["Root Entry"], [0xfffffffd, 2, 1])],
  ["ends early", compound(["Root Entry"]).subarray(0, 1200)],
  ["has sectors of no size", compound(["Root Entry"]).fill(0, 0x1e, 0x20)],
])("a directory that %s is damage", async (_what, file) => {
  await expect(cfbNames((await temporaryFile(file)).file)).rejects.toMatchObject({ code: "document_corrupt" });
});
