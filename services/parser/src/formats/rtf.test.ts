import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const rtf = (body: string, head = "") => Buffer.from(`{\\rtf1\\ansi\\ansicpg1252${head}${body}}`, "latin1");
const text = async (body: string, head?: string) => (await parseBytes(rtf(body, head))).text;

describe("RTF", () => {
  test("characters of any code page, by font and by number", async () => {
    const fonts = "{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 B;}{\\f2\\fcharset128 C;}}";
    expect(await text("\\f1 \\'cf\\'f0\\'e8 \\f0 \\'e9 \\f2\\'93\\'fa", fonts)).toBe("При é 日");
    expect(await text("\\u8364?5 \\uc2\\u233\\'e9\\'e9x \\uc0\\u-10179\\u-8704  \\{a\\}\\~b\\_c\\emdash")).toBe(
      "€5 éx 😀 {a} b-c—",
    );
  });

  test("half a character is what stands in for it", async () => {
    expect(await text("a\\u-10240 ?b \\u-9216?c \\uc0\\u-10240 d")).toBe("a?b ?c \ufffdd");
  });

  test("tables have cells, also where a cell has several paragraphs", async () => {
    const body =
      "before\\par\\trowd\\trhdr\\intbl Test\\cell Value\\cell\\row\\trowd\\intbl Na\\par serum\\cell 140\\cell\\row\\pard after\\par";
    const { text: own, tables } = await parseBytes(rtf(body));
    expect(own).toBe("before\nTest | Value\nNa; serum | 140\nafter");
    expect(tables.map(({ headerRows, rows }) => [headerRows, rows.map(({ cells }) => cells)])).toEqual([
      [
        1,
        [
          ["Test", "Value"],
          ["Na\nserum", "140"],
        ],
      ],
    ]);
  });

  test("headings begin sections; headers come first, notes and footers last", async () => {
    const styles = "{\\stylesheet{\\s1 heading 1;}{Normal;}}{\\info{\\title Letter}{\\author Dr X}}";
    const body = "{\\header MRN 7}{\\footer page}\\pard\\s1 Plan\\par\\pard Rest{\\footnote at home}.\\par";
    const { sections, summary } = await parseBytes(rtf(body, styles));
    expect(sections.map((section) => [section.title, section.text])).toEqual([
      [null, "MRN 7"],
      ["Plan", "Plan\n\nRest."],
      [null, "at home"],
      [null, "page"],
    ]);
    expect(summary.header.title).toBe("Letter");
  });

  test("fields show their result; pictures, objects, hidden and deleted text are not text", async () => {
    const body =
      "{\\field{\\*\\fldinst HYPERLINK x}{\\fldrslt link}}{\\pict\\pngblip 89504e}{\\object{\\*\\objdata d0cf}{\\result shown}}{\\v gone}{\\deleted gone}{\\*\\unknown gone}\\bin5 \0}{\\x ok";
    const { text: own, summary } = await parseBytes(rtf(body));
    expect(own).toBe("linkshown ok");
    expect(summary.warnings.map(({ code }) => code)).toEqual(["picture_skipped", "embedded_object_skipped"]);
  });

  test("struck text is marked as withdrawn", async () => {
    expect(
      await text("take {\\strike 5 }{\\striked1 mg} 10 mg\\par \\strike old\\strike0  new \\strike x\\plain  y"),
    ).toBe("take ~~5 mg~~ 10 mg\n~~old~~ new ~~x~~ y");
  });

  test("form fields say what was ticked and chosen", async () => {
    const field = (kind: string, state: string, rest = "") =>
      `{\\field{\\*\\fldinst {${kind} }{{\\*\\formfield{${state}{\\*\\ffname Name}{\\*\\ffhelptext help}${rest}}}}}{\\fldrslt }}`;
    const box = (state: string) => field("FORMCHECKBOX", `\\fftype1${state}`);
    const body = `${box("\\ffres1\\ffdefres0")}smoker ${box("\\ffres0\\ffdefres1")}diabetic ${box("\\ffres25\\ffdefres1")}pregnant ${field("FORMDROPDOWN", "\\fftype2\\ffres1", "{\\*\\ffl left}{\\*\\ffl right}")}knee {\\field{\\*\\fldinst FORMTEXT {\\*\\formfield{\\fftype0{\\*\\ffdeftext none}}}}{\\fldrslt typed}}`;
    expect(await text(body)).toBe("[x] smoker [ ] diabetic [x] pregnant right knee typed");
  });

  test("a page that was hidden in it is what it is", async () => {
    const body =
      "{\\*\\htmltag <p>}Na \\'e9 \\htmlrtf {\\b\\htmlrtf0 <140\\htmlrtf }\\htmlrtf0 {\\*\\htmltag </p><ul><li>}one{\\*\\htmltag </ul>}";
    expect(await text(body, "\\fromhtml1")).toBe("Na é <140\n\n- one");
  });

  test("one that is cut is read and said to be cut; depth has a limit", async () => {
    const cut = await parseBytes(Buffer.from("{\\rtf1 {\\b whole"));
    expect([cut.text, cut.summary.warnings]).toEqual(["whole", [{ code: "file_cut_short" }]]);
    await expect(parseBytes(rtf("{".repeat(100_000)))).rejects.toMatchObject({ code: "limit_nesting" });
    await expect(parseBytes(rtf("\\bin99999999999 x"))).rejects.toMatchObject({ code: "document_empty" });
  });
});
