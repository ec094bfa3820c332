import { describe, expect, test } from "@jest/globals";
import { maxSectionLength } from "@sluice/contracts";
import { parseBytes } from "../testing/collect.js";

const note = "Fièvre 38,5 °C – « grippe » chez Zoë";

describe("text", () => {
  test.each([
    ["UTF-8", Buffer.from(note)],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${note}`)],
    ["UTF-16 little endian", Buffer.from(`\ufeff${note}`, "utf16le")],
    ["UTF-16 big endian", Buffer.from(`\ufeff${note}`, "utf16le").swap16()],
    ["UTF-16 without a mark", Buffer.from(note, "utf16le")],
    ["Windows-1252", Buffer.from(note.replace("–", "\x96"), "latin1")],
  ])("is read in %s", async (_encoding, bytes) => {
    expect((await parseBytes(bytes)).text).toBe(note);
  });

  test("a declared charset is believed where the bytes don't prove another", async () => {
    const bytes = Buffer.from([0xb1, 0xf3, 0xb3, 0x61, 0x62]);
    expect((await parseBytes(bytes, "text/plain; charset=iso-8859-2")).text).toBe("ąółab");
    expect((await parseBytes(Buffer.from("żółć"), "text/plain; charset=iso-8859-1")).text).toBe("żółć");
  });

  test("keeps lines and columns, whatever the line ends are", async () => {
    expect((await parseBytes("a  b\r\n\tc\rd\n")).text).toBe("a  b\n\tc\nd");
  });

  test("of any length is cut without losing a word", async () => {
    const words = Array.from({ length: 60_000 }, (_, index) => `w${index}${index % 12 === 0 ? "\r\n" : " "}`).join("");
    const { sections, text, summary } = await parseBytes(words);
    expect(sections.length).toBeGreaterThan(5);
    expect(sections.every((section) => section.text.length <= maxSectionLength)).toBe(true);
    expect(text.split(/\s+/)).toEqual(words.trim().split(/\s+/));
    expect(summary.length).toBe(text.length);
  });

  test("loses a NUL and nothing else", async () => {
    expect((await parseBytes("Seen to\0day, and well.")).text).toBe("Seen today, and well.");
  });
});
