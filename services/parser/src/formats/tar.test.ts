import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

/** A member with its padding; `size` may lie. */
function member(
  name: string,
  content: string | Buffer,
  { type = "0", size = Buffer.byteLength(content), ustar = true } = {},
): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "utf8");
  header.write("0000644\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  if (ustar) header.write("ustar\x0000", 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  const padding = (512 - (Buffer.byteLength(content) % 512)) % 512;
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(padding)]);
}

const end = Buffer.alloc(1024);
const tar = (...members: Buffer[]) => Buffer.concat([...members, end]);
const record = (key: string, value: string) => {
  const rest = ` ${key}=${value}\n`;
  const length = Buffer.byteLength(rest) + String(Buffer.byteLength(rest) + 2).length;
  return `${length}${rest}`;
};

describe("TAR", () => {
  test("files are children, folders and links are not", async () => {
    const file = tar(
      member("a/", "", { type: "5" }),
      member("a/one.txt", "1"),
      member("link", "", { type: "2" }),
      member("two.md", "x".repeat(1500)),
    );
    const { children } = await parseBytes(file);
    expect(children.map(({ path, declaredType, bytes }) => [path, declaredType, bytes.length])).toEqual([
      ["a/one.txt", null, 1],
      ["two.md", "text/markdown", 1500],
    ]);
  });

  test("long names are those of pax and of GNU, and older archives have no mark", async () => {
    const long = `${"ä".repeat(80)}/file.txt`;
    const file = tar(
      member("x", record("path", long), { type: "x" }),
      member("cut", "1"),
      member("././@LongLink", `${long}2\0`, { type: "L" }),
      member("cut", "2"),
    );
    expect((await parseBytes(file)).children.map(({ path }) => path)).toEqual([long, `${long}2`]);
    expect((await parseBytes(tar(member("old.txt", "1", { ustar: false })))).summary.format).toBe("tar");
  });

  test("a cut archive keeps what was whole; one whose first member is cut, or has a wrong checksum, is damaged", async () => {
    const file = tar(member("a.txt", "1"), member("b.txt", "x".repeat(2000)));
    const cut = await parseBytes(file.subarray(0, 2048));
    expect(cut.children.map(({ path }) => path)).toEqual(["a.txt"]);
    expect(cut.summary.warnings.map(({ code }) => code)).toContain("archive_cut_short");
    await expect(parseBytes(tar(member("a.txt", "1", { size: 5_000_000 })))).rejects.toMatchObject({
      code: "document_corrupt",
    });
    const wrong = tar(member("a.txt", "1"));
    wrong[150] = 0x37;
    await expect(parseBytes(wrong)).rejects.toMatchObject({ code: "document_corrupt" });
  });

  test("names that lead elsewhere lead nowhere", async () => {
    const { children } = await parseBytes(tar(member("../../etc/passwd", "1"), member("/etc/passwd", "2")));
    expect(children.map(({ path }) => path)).toEqual(["etc/passwd", "etc/passwd#2"]);
  });
});

describe("GZIP", () => {
  test("a file is a child under the name it had", async () => {
    const named = gzipSync("hello");
    named[3] = 8;
    const file = Buffer.concat([named.subarray(0, 10), Buffer.from("note.txt\0"), named.subarray(10)]);
    expect((await parseBytes(file)).children).toMatchObject([
      { path: "note.txt", fileName: "note.txt", bytes: Buffer.from("hello") },
    ]);
    expect((await parseBytes(gzipSync("hello"))).children).toMatchObject([{ path: "content" }]);
  });

  test("a compressed TAR is read as that, and several streams are one file", async () => {
    expect((await parseBytes(gzipSync(tar(member("a.txt", "1"))))).children.map(({ path }) => path)).toEqual(["a.txt"]);
    const { children } = await parseBytes(Buffer.concat([gzipSync("one "), gzipSync("two")]));
    expect(children.map(({ bytes }) => bytes.toString())).toEqual(["one two"]);
  });

  test("a bomb stops at the limit, a cut file is damaged", async () => {
    const bomb = gzipSync(Buffer.alloc(3_000_000));
    await expect(parseBytes(bomb, null, { maxExpandedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "limit_expanded_size",
    });
    const folders = gzipSync(tar(member("d", Buffer.alloc(3_000_000), { type: "2" })));
    await expect(parseBytes(folders, null, { maxExpandedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "limit_expanded_size",
    });
    const cut = gzipSync("x".repeat(5000)).subarray(0, 30);
    await expect(parseBytes(cut)).rejects.toMatchObject({ code: "document_corrupt" });
  });
});
