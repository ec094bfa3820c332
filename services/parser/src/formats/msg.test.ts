import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { compound } from "../testing/office-files.js";

const text = (value: string) => Buffer.from(value, "utf16le");
const stream = (tag: string) => `__substg1.0_${tag}`;
const properties = Buffer.alloc(32);

test("an Outlook message: who wrote what, its attachments as children", async () => {
  const file = compound({
    "__properties_version1.0": properties,
    [stream("0037001F")]: text("Results"),
    [stream("0C1A001F")]: text("Ward Seven"),
    [stream("1000001F")]: text("All well."),
    "__recip_version1.0_#00000000": { "__properties_version1.0": Buffer.alloc(8), [stream("3001001F")]: text("GP") },
    "__attach_version1.0_#00000000": {
      "__properties_version1.0": Buffer.alloc(8),
      [stream("3707001F")]: text("r.pdf"),
      [stream("37010102")]: Buffer.from("%PDF-1.4"),
    },
  });
  const { text: own, children, summary } = await parseBytes(file);
  expect(own).toBe("Subject: Results\nFrom: Ward Seven\nTo: GP\n\nAll well.");
  expect(summary).toMatchObject({ format: "msg", header: { title: "Results" } });
  expect(children.map(({ fileName, bytes }) => [fileName, bytes.toString()])).toEqual([["r.pdf", "%PDF-1.4"]]);
});

describe("compound files", () => {
  test("locked Office documents are known by their cipher, others are not read", async () => {
    await expect(parseBytes(compound({ EncryptedPackage: Buffer.alloc(5_000) }))).rejects.toMatchObject({
      code: "document_encrypted",
    });
    await expect(parseBytes(compound({ Other: Buffer.alloc(5_000) }))).rejects.toMatchObject({
      code: "document_type_unsupported",
    });
  });

  test("chains that turn in circles end", async () => {
    const file = compound({ WordDocument: Buffer.alloc(50_000, 1), "0Table": Buffer.alloc(5_000) });
    // Every sector's successor is the sector itself, or one before it.
    const fat = (file.readUInt32LE(0x4c) + 1) * 512;
    for (let at = 8; at < 512; at += 4) file.writeUInt32LE(4, fat + at);
    await expect(parseBytes(file)).rejects.toMatchObject({ code: "document_corrupt" });
  });
});
