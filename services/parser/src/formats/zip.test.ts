import { describe, expect, test } from "@jest/globals";
import JSZip from "jszip";
import { parseBytes } from "../testing/collect.js";

async function zip(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = new JSZip();
  for (const [name, content] of Object.entries(files)) archive.file(name, content);
  return archive.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

const patched = (bytes: Buffer, mark: string, change: (at: number) => void) => {
  for (let at = bytes.indexOf(mark, 0, "latin1"); at !== -1; at = bytes.indexOf(mark, at + 1, "latin1")) change(at);
  return bytes;
};
const entry = "PK\x01\x02";

describe("ZIP", () => {
  test("members are children, what systems put there is not", async () => {
    const { children, summary } = await parseBytes(
      await zip({
        "a/note.txt": "one",
        "list.csv": "a,b",
        "__MACOSX/a/._note.txt": "x",
        "a/.DS_Store": "y",
        "empty.txt": "",
      }),
    );
    expect(
      children.map(({ path, fileName, declaredType, bytes }) => [path, fileName, declaredType, bytes.toString()]),
    ).toEqual([
      ["a/note.txt", "note.txt", null, "one"],
      ["list.csv", "list.csv", "text/csv", "a,b"],
    ]);
    expect(summary.warnings).toEqual([{ code: "member_skipped", count: 2 }, { code: "member_empty" }]);
    expect(summary.counts.sections).toBe(0);
  });

  test("names that lead elsewhere lead nowhere, and of equal ones each is its own", async () => {
    const names = ["a/bb/up.txt", "a/bb/ab.txt", "a/bb/cd.txt", "a/bb/ce.txt"];
    const bytes = await zip(Object.fromEntries(names.map((name) => [name, name])));
    const swap = (from: string, to: string) => patched(bytes, from, (at) => bytes.write(to, at, "latin1"));
    swap(names[0] as string, "../../x.txt");
    swap(names[1] as string, "/etc/ab.txt");
    swap(names[2] as string, "C:\\\\cd.txt".slice(0, 11).padEnd(11, "t"));
    swap(names[3] as string, "etc//ab.txt");
    const { children, summary } = await parseBytes(bytes);
    expect(children.map(({ path }) => path)).toEqual([
      "x.txt",
      "etc/ab.txt",
      expect.stringMatching(/^cd/),
      "etc/ab.txt#2",
    ]);
    expect(children.every(({ path }) => !/\.\.|^\/|:|\\\\/.test(path))).toBe(true);
    expect(summary.warnings).toContainEqual({ code: "member_name_unsafe", count: 3 });
  });

  test("locked and damaged members leave the others readable", async () => {
    const bytes = await zip({ "a.txt": "one", "b.txt": "two", "c.txt": "three" });
    const entries: number[] = [];
    patched(bytes, entry, (at) => entries.push(at));
    bytes[(entries[0] as number) + 8] = 1;
    bytes.writeUInt32LE(7, (entries[1] as number) + 16);
    const { children, summary } = await parseBytes(bytes);
    expect(children.map(({ path }) => path)).toEqual(["c.txt"]);
    expect(summary.warnings.map(({ code }) => code)).toEqual(["member_encrypted", "member_damaged"]);
  });

  test("one with nothing readable fails with what is wrong with it", async () => {
    const locked = await zip({ "a.txt": "one" });
    patched(locked, entry, (at) => locked.writeUInt8(1, at + 8));
    await expect(parseBytes(locked)).rejects.toMatchObject({ code: "document_encrypted" });
    const damaged = await zip({ "a.txt": "one" });
    patched(damaged, entry, (at) => damaged.writeUInt32LE(7, at + 16));
    await expect(parseBytes(damaged)).rejects.toMatchObject({ code: "document_corrupt" });
    await expect(parseBytes(await zip({}))).rejects.toMatchObject({ code: "document_empty" });
    await expect(parseBytes(await zip({ "xl/workbook.bin": "x" }))).rejects.toMatchObject({
      code: "document_type_unsupported",
    });
  });

  test("a bomb stops at the limit, whatever its directory promises", async () => {
    const bytes = await zip({ "a.txt": Buffer.alloc(3_000_000) });
    const limits = { maxExpandedBytes: 1_000_000 };
    await expect(parseBytes(bytes, null, limits)).rejects.toMatchObject({ code: "limit_expanded_size" });
    patched(bytes, entry, (at) => bytes.writeUInt32LE(10, at + 24));
    await expect(parseBytes(bytes, null, limits)).rejects.toMatchObject({ code: "limit_expanded_size" });
    const many = await zip({ a: "1", b: "2", c: "3" });
    await expect(parseBytes(many, null, { maxChildren: 2 })).rejects.toMatchObject({ code: "limit_members" });
  });

  test("a directory of too many entries is not read", async () => {
    const bytes = await zip({ "a.txt": "one" });
    const end = bytes.lastIndexOf("PK\x05\x06", undefined, "latin1");
    bytes.writeUInt16LE(60_000, end + 8);
    bytes.writeUInt16LE(60_000, end + 10);
    // Nothing is there to be counted: what is refused is what the directory says of itself.
    await expect(parseBytes(bytes)).rejects.toMatchObject({ code: "limit_members" });
  });

  test.each([
    ["7z", "377abcaf271c0004"],
    ["RAR", "526172211a0701"],
    ["bzip2", "425a6839"],
    ["xz", "fd377a585a00"],
  ])("%s has a code that says so", async (_what, hex) => {
    await expect(parseBytes(Buffer.from(hex, "hex"))).rejects.toMatchObject({ code: "archive_unsupported" });
  });
});
