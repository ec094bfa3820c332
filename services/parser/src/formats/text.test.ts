import { describe, expect, test } from "@jest/globals";
import { maxSectionLength } from "@sluice/contracts";
import { parseBytes } from "../testing/collect.js";

const note = "Fièvre 38,5 °C – « grippe » chez Zoë";

const utf32 = (text: string, isLittle: boolean) => {
  const bytes = Buffer.alloc([...text].length * 4);
  for (const [n, letter] of [...text].entries()) {
    const code = letter.codePointAt(0) ?? 0;
    if (isLittle) bytes.writeUInt32LE(code, n * 4);
    else bytes.writeUInt32BE(code, n * 4);
  }
  return bytes;
};

describe("text", () => {
  test.each([
    ["UTF-8", Buffer.from(note)],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${note}`)],
    ["UTF-16 little endian", Buffer.from(`\ufeff${note}`, "utf16le")],
    ["UTF-16 big endian", Buffer.from(`\ufeff${note}`, "utf16le").swap16()],
    ["UTF-32 little endian", utf32(`\ufeff${note} 😀`, true)],
    ["UTF-32 big endian", utf32(`\ufeff${note} 😀`, false)],
    ["UTF-32 without a mark", utf32(`${note} 😀`, true)],
    ["UTF-16 without a mark", Buffer.from(note, "utf16le")],
    ["Windows-1252", Buffer.from(note.replace("–", "\x96"), "latin1")],
  ])("is read in %s", async (_encoding, bytes) => {
    expect((await parseBytes(bytes)).text.replace(" 😀", "")).toBe(note);
  });

  test("a declared charset is believed where the bytes don't prove another", async () => {
    const bytes = Buffer.from([0xb1, 0xf3, 0xb3, 0x61, 0x62]);
    expect((await parseBytes(bytes, "text/plain; charset=iso-8859-2")).text).toBe("ąółab");
    expect((await parseBytes(Buffer.from("żółć"), "text/plain; charset=iso-8859-1")).text).toBe("żółć");
  });

  test.each([
    [
      "windows-1251",
      "cfe0f6e8e5edf220e6e0ebf3e5f2f1ff20ede020e3eeebeee2edf3fe20e1eeebfc2e20c4e0e2ebe5ede8e520e220edeef0ece52c20f2e5ecefe5f0e0f2f3f0e02033362c362e",
      "Пациент жалуется на головную боль. Давление в норме, температура 36,6.",
    ],
    [
      "KOI8-R",
      "f0c1c3c9c5ced420d6c1ccd5c5d4d3d120cec120c7cfcccfd7ced5c020c2cfccd82e20e4c1d7ccc5cec9c520d720cecfd2cdc52c20d4c5cdd0c5d2c1d4d5d2c12033362c362e",
      "Пациент жалуется на головную боль. Давление в норме, температура 36,6.",
    ],
    [
      "Shift_JIS",
      "8ab38ed282cd93aa92c982f0916982a682c482a282dc82b781428c8c88b382cd90b38fed82c582b7814291cc89b782cd95bd944d82c582b582bd8142",
      "患者は頭痛を訴えています。血圧は正常です。体温は平熱でした。",
    ],
    [
      "GB18030",
      "b2a1c8cbd6f7cbdfcdb7cdb4c8fdcceca3acd1aad1b9d5fdb3a3a3accce5cec2d5fdb3a3a3acbda8d2e9d0ddcfa2b2a2b6e0bac8cbaea1a3",
      "病人主诉头痛三天，血压正常，体温正常，建议休息并多喝水。",
    ],
    [
      "Big5",
      "af66a448a544b644c059b568a454a4d1a141a6e5c0a3a5bfb160a141c5e9b7c5a5bfb160a141abd8c4b3a5f0aea7a8c3a668b3dca4f4a143",
      "病人主訴頭痛三天，血壓正常，體溫正常，建議休息並多喝水。",
    ],
    [
      "EUC-KR",
      "c8afc0dab4c220b5cec5ebc0bb20c8a3bcd2c7d5b4cfb4d92e20c7f7bed0c0ba20c1a4bbf3c0d4b4cfb4d92e20c3bcbfc2b5b520c1a4bbf3c0d4b4cfb4d92e",
      "환자는 두통을 호소합니다. 혈압은 정상입니다. 체온도 정상입니다.",
    ],
    ["ISO-2022-JP", "1b244234353c54244f462c444b1b2842206f6b", "患者は頭痛 ok"],
    [
      "Macintosh Roman",
      "4c65206d616c6164652061208e748e2076752088206c276899706974616c3b2066698f76726520657420638e7068616c8e6520646570756973206c61207665696c6c652e",
      "Le malade a été vu à l'hôpital; fièvre et céphalée depuis la veille.",
    ],
    [
      "windows-1250",
      "5061636a656e74207a67b361737a612062f36c2067b36f77792e2043699c6e69656e696520707261776964b36f77652c20bf61646e79636820646f6c65676c69776f9c63692c20616c65209f6c65209c70692e",
      "Pacjent zgłasza ból głowy. Ciśnienie prawidłowe, żadnych dolegliwości, ale źle śpi.",
    ],
  ])("in %s is told by its bytes", async (_encoding, hex, expected) => {
    expect((await parseBytes(Buffer.from(hex, "hex"))).text).toBe(expected);
  });

  const names = "Jürgen Müller, Zoë Brontë, Søren Ångström";
  const utf8 = Buffer.from(names);
  test.each([
    ["a byte of another encoding", Buffer.concat([utf8, Buffer.from([0x20, 0xe9])]), `${names} \ufffd`],
    ["a bit that flipped", Buffer.concat([Buffer.from([0xf4]), utf8.subarray(1)]), `\ufffd${names.slice(1)}`],
    ["its end in the middle of a character", Buffer.from(`${names} é`).subarray(0, -1), `${names} \ufffd`],
    [
      "such a byte far behind",
      Buffer.concat([Buffer.from(`${names}\n`.repeat(3_000)), Buffer.from([0xe9])]),
      `${`${names}\n`.repeat(3_000)}\ufffd`,
    ],
  ])("in UTF-8 stays that with %s", async (_damage, bytes, expected) => {
    expect((await parseBytes(bytes)).text.split(/\s+/)).toEqual(expected.split(/\s+/));
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

  test("in UTF-32 of any length is read whole; what is no character is said to be none", async () => {
    const long = "Zoë 😀 ".repeat(60_000).trim();
    expect((await parseBytes(utf32(long, false))).text.split(/\s+/).join(" ") === long).toBe(true);
    const cut = Buffer.concat([utf32("\ufeffseen", true), Buffer.from([0, 0, 0x11, 0, 0x61])]);
    const far = await parseBytes(Buffer.concat([utf32(`\ufeff${"x".repeat(20_000)}`, true), cut.subarray(20)]));
    expect(far.text.slice(19_998)).toBe("xx\ufffd\ufffd");
  });

  test("loses a NUL and nothing else", async () => {
    expect((await parseBytes("Seen to\0day, and well.")).text).toBe("Seen today, and well.");
  });
});
