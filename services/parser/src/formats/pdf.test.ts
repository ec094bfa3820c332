import { readFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import PDFDocument from "pdfkit";
import { ParserPool } from "../isolation/parser-pool.js";
import { ParserProcess } from "../isolation/parser-process.js";
import { chooseEngine } from "../recognition/choose-engine.js";
import { parseInPool, temporaryFile } from "../testing/collect.js";
import { heavyPdf } from "../testing/pdf-files.js";
import { defaultLimits } from "./format.js";

const pool = new ParserPool();
afterAll(() => pool.destroy());

function draw(
  pages: ((document: PDFKit.PDFDocument) => void)[],
  options: PDFKit.PDFDocumentOptions = {},
): Promise<Buffer> {
  const document = new PDFDocument({ autoFirstPage: false, ...options });
  const chunks: Buffer[] = [];
  document.on("data", (chunk) => chunks.push(chunk));
  const done = new Promise<Buffer>((resolve) => document.on("end", () => resolve(Buffer.concat(chunks))));
  for (const page of pages) page(document.addPage());
  document.end();
  return done;
}

const pixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const card = await readFile(new URL("../../../../samples/documents/scanned-referral-card.png", import.meta.url));
const parse = async (bytes: Uint8Array) => parseInPool(pool, await temporaryFile(bytes));

describe("PDF", () => {
  test("each page's text is a section; pictures and blank pages are told apart", async () => {
    const file = await draw([
      (d) => d.text("First page"),
      (d) => d.image(pixel, 0, 0, { width: 300 }),
      () => {},
      (d) => d.text("Last page"),
    ]);
    const { sections, pages, summary } = await parse(file);
    expect(sections.map(({ text, pageFrom, pageTo }) => [text, pageFrom, pageTo])).toEqual([
      ["First page", 1, 1],
      ["Last page", 4, 4],
    ]);
    expect(pages.map((page) => page.kind)).toEqual(["text", "image", "blank", "text"]);
    expect(summary.warnings).toEqual([{ code: "page_needs_ocr", page: 2 }]);
  });

  test("lines that the outline names begin sections, which stay in force on the pages that follow", async () => {
    const file = await draw([
      (d) => {
        d.text("A letter.").text("Findings").text("All is well.");
        d.outline.addItem("Findings");
      },
      (d) => d.text("It goes on."),
    ]);
    const { sections } = await parse(file);
    expect(sections.map(({ title, text, pageFrom }) => [title, text, pageFrom])).toEqual([
      [null, "A letter.", 1],
      ["Findings", "Findings\nAll is well.", 1],
      ["Findings", "It goes on.", 2],
    ]);
  });

  test("columns of words and numbers are a table, and what is written sideways is read by itself", async () => {
    const rows = [
      ["Test", "Result", "Units"],
      ["Sodium", "140", "mmol/L"],
      ["Potassium", "4.1", "mmol/L"],
    ];
    const file = await draw([
      (d) => {
        for (const [i, row] of rows.entries())
          for (const [j, cell] of row.entries()) d.text(cell, 80 + j * 150, 100 + i * 20, { lineBreak: false });
        d.rotate(-90, { origin: [40, 300] }).text("Copy for the ward", 40, 300, { lineBreak: false });
      },
    ]);
    const { tables, text } = await parse(file);
    expect(tables.map(({ headerRows, rows: found }) => [headerRows, found.map(({ cells }) => cells)])).toEqual([
      [1, rows],
    ]);
    expect(text).toContain("\nCopy for the ward");
  });

  test("what was filled into a form is read", async () => {
    const file = await draw([
      (d) => {
        d.font("Helvetica").text("Intake form");
        d.initForm();
        d.formText("allergies", 50, 50, 200, 20, { value: "latex" });
      },
    ]);
    expect((await parse(file)).text).toContain("allergies: latex");
  });

  test("a document locked for its owner only is read, one with a password is not", async () => {
    const page = [(d: PDFKit.PDFDocument) => void d.text("Readable")];
    expect((await parse(await draw(page, { ownerPassword: "o" }))).text).toBe("Readable");
    await expect(parse(await draw(page, { userPassword: "u" }))).rejects.toMatchObject({ code: "document_encrypted" });
  });

  test("files within are children", async () => {
    const file = await draw([
      (d) => void d.text("see attached").file(Buffer.from("inner text"), { name: "inner.txt" }),
    ]);
    expect((await parse(file)).children).toMatchObject([{ fileName: "inner.txt", bytes: Buffer.from("inner text") }]);
  });

  test("memory does not grow with the number of pages", async () => {
    const peakMb = async (pages: number): Promise<number> => {
      const { file, scratchDir } = await temporaryFile(heavyPdf(pages));
      const parser = new ParserProcess(new URL("../isolation/worker.js", import.meta.url), {
        timeoutMs: 240_000,
        memoryMb: 1_024,
      });
      let peak = 0;
      const look = setInterval(() => {
        peak = Math.max(peak, parser.idleMemoryMb());
      }, 10);
      try {
        const job = { file, scratchDir, declaredType: null, limits: defaultLimits, recognition: "none" as const };
        const nothing = async () => {};
        await parser.parse(job, {
          rows: nothing,
          child: nothing,
          recognised: async () => null,
          keepRecognised: nothing,
        });
        return peak;
      } finally {
        clearInterval(look);
        await parser.kill();
      }
    };
    expect(await peakMb(400)).toBeLessThan((await peakMb(40)) * 1.5);
  });

  test("a page that is drawn and can't be is unreadable, not blank", async () => {
    const pdf = (...objects: string[]) =>
      Buffer.from(
        [
          "%PDF-1.4",
          "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
          "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj",
          "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>endobj",
          "4 0 obj<</Length 33>>stream\nq 600 0 0 800 0 0 cm /I Do Q     \nendstream endobj",
          ...objects,
          "trailer<</Root 1 0 R/Size 7>>\n%%EOF",
        ].join("\n"),
      );
    const broken = "5 0 obj<</Not/AStream>>endobj";
    const picture =
      "6 0 obj<</Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>stream\nx\nendstream endobj";
    await expect(parse(pdf(broken))).rejects.toMatchObject({ code: "document_corrupt" });
    await expect(parse(pdf(broken, picture))).rejects.toMatchObject({ code: "ocr_required" });
    await expect(parse(pdf(picture.replace("6", "5")))).rejects.toMatchObject({ code: "ocr_required" });
  });

  const raw = (...objects: (string | Buffer)[]) =>
    Buffer.concat([
      Buffer.from("%PDF-1.4\n"),
      ...objects.flatMap((object, n) => [Buffer.from(`${n + 1} 0 obj`), Buffer.from(object), Buffer.from("endobj\n")]),
      Buffer.from(`trailer<</Root 1 0 R/Size ${objects.length + 1}>>\n%%EOF`),
    ]);
  const stream = (content: string | Buffer, more = "") =>
    Buffer.concat([
      Buffer.from(`<<${more}/Length ${content.length}>>stream\n`),
      Buffer.from(content),
      Buffer.from("\nendstream "),
    ]);
  const sheet = (contents: number, more = "") =>
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents ${contents} 0 R/Resources<</Font<</F 3 0 R>>>>${more}>>`;
  const font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>";
  const said = (text: string) => `BT /F 12 Tf 50 700 Td (${text}) Tj ET `;
  const catalog = "<</Type/Catalog/Pages 2 0 R>>";

  test("pages beyond the number that the file gives are read, those that were removed are not", async () => {
    const file = (kids: string, count: number) =>
      raw(
        catalog,
        `<</Type/Pages/Kids[${kids}]/Count ${count}>>`,
        font,
        sheet(6),
        sheet(7),
        stream(said("One")),
        stream(said("Two")),
      );
    const texts = async (bytes: Buffer) => {
      const { sections, summary } = await parse(bytes);
      return [sections.map(({ text }) => text), summary.counts.pages];
    };
    expect(await texts(file("4 0 R 5 0 R", 1))).toEqual([["One", "Two"], 2]);
    expect(await texts(file("4 0 R 5 0 R", 2))).toEqual([["One", "Two"], 2]);
    expect(await texts(file("4 0 R", 1))).toEqual([["One"], 1]);
    const sound = await draw([(d) => void d.text("One"), (d) => void d.text("Two")]);
    const low = Buffer.from(sound.toString("latin1").replace("/Count 2", "/Count 1"), "latin1");
    expect(low.equals(sound)).toBe(false);
    expect(await texts(low)).toEqual([["One", "Two"], 2]);
  });

  test("a page of which something can't be read says so", async () => {
    const cut = deflateSync(Buffer.from(said("It goes on.").repeat(20)));
    const pages = [sheet(8), sheet(9), sheet(10), sheet(11)];
    const contents = [
      stream(said("Whole")),
      stream(`${said("Begun")}${"0 ".repeat(40)} m ${said("lost")}`),
      stream(Buffer.concat([cut.subarray(0, 20), Buffer.alloc(40, 0xff)]), "/Filter/FlateDecode"),
      stream(said("Whole as well")),
    ];
    const kids = "<</Type/Pages/Kids[4 0 R 5 0 R 6 0 R 7 0 R]/Count 4>>";
    const { summary, sections } = await parse(raw(catalog, kids, font, ...pages, ...contents));
    expect(sections.map(({ text }) => text).join(" ")).toMatch(/^Whole Begun.*Whole as well$/s);
    const damaged = summary.warnings.filter(({ code }) => /page_(damaged|unreadable)/.test(code));
    expect(damaged.map(({ page }) => page)).toEqual([2, 3]);
  });

  test("forms say which button was pressed and what was chosen; files in remarks are children, once", async () => {
    const widget = (more: string) => `<</Type/Annot/Subtype/Widget/Rect[10 10 30 30]${more}>>`;
    const button = (value: string, on: boolean) =>
      widget(`/Parent 8 0 R/AS/${on ? value : "Off"}/AP<</N<</${value} 10 0 R/Off 10 0 R>>>>`);
    const remark = "<</Type/Annot/Subtype/FileAttachment/Rect[10 10 30 30]/FS 11 0 R/Contents(see the report)>>";
    const file = raw(
      "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R 9 0 R]>>/Names<</EmbeddedFiles<</Names[(report.txt) 11 0 R]>>>>>>",
      "<</Type/Pages/Kids[4 0 R]/Count 1>>",
      font,
      sheet(5, "/Annots[6 0 R 7 0 R 9 0 R 13 0 R]"),
      stream(said("Form")),
      button("never", false),
      button("daily", true),
      "<</FT/Btn/Ff 32768/T(smoking)/V/daily/Kids[6 0 R 7 0 R]>>",
      widget("/FT/Ch/Ff 131072/T(side)/V(L)/Opt[[(L)(left)][(R)(right)]]"),
      stream("", "/Type/XObject/Subtype/Form/BBox[0 0 1 1]"),
      "<</Type/Filespec/F(report.txt)/EF<</F 12 0 R>>>>",
      stream("All is well.", "/Type/EmbeddedFile"),
      remark,
    );
    const { text, children } = await parse(file);
    expect(text).toBe("Form\nsee the report\n[x] smoking: daily\nside: left");
    expect(children.map(({ fileName, bytes }) => [fileName, bytes.toString()])).toEqual([
      ["report.txt", "All is well."],
    ]);
  });

  test("only pictures, nothing at all, and damage have codes", async () => {
    await expect(parse(await draw([(d) => d.image(pixel, 0, 0)]))).rejects.toMatchObject({ code: "ocr_required" });
    await expect(parse(await draw([() => {}]))).rejects.toMatchObject({ code: "document_empty" });
    await expect(parse(Buffer.from("%PDF-1.7\nnothing"))).rejects.toMatchObject({ code: "document_corrupt" });
  });

  describe("with recognition", () => {
    let reader: ParserPool;
    beforeAll(async () => {
      const recognition = await chooseEngine({ choice: "tesseract.js", languages: ["eng"] });
      reader = new ParserPool({ memoryMb: 1_024, recognition: recognition ?? "none" });
    });
    afterAll(() => reader.destroy());
    const recognise = async (bytes: Uint8Array) => parseInPool(reader, await temporaryFile(bytes));

    test("a page whose text layer is damaged is recognised, the others keep theirs", async () => {
      const file = withDamagedLayer("A first page that is sound and has a text layer of its own.", [
        "The potassium was normal on the third of May,",
        "and the dose of the tablets is to be kept.",
      ]);
      const bare = await parse(file);
      expect(bare.summary.warnings).toEqual([{ code: "text_layer_damaged", page: 2 }]);
      expect(bare.pages.map(({ kind }) => kind)).toEqual(["text", "text"]);
      const { pages, sections, summary } = await recognise(file);
      expect(pages.map(({ kind }) => kind)).toEqual(["text", "ocr"]);
      expect(sections[1]?.text.replace(/\s+/g, " ")).toContain("The potassium was normal on the third of May");
      expect(summary.warnings).toEqual([]);
    });

    test("a line over a picture of the page is not all that is on it", async () => {
      const file = await draw(
        [
          (d) => d.image(card, 0, 0, { width: 612 }).fontSize(10).text("Received 3 May 2025 14:02 P. 1/1", 40, 385),
          (d) => d.image(pixel, 500, 20, { width: 60 }).fontSize(12).text("Thank you.", 40, 100),
        ],
        { size: [612, 420], margin: 0 },
      );
      const { pages, text } = await recognise(file);
      expect(pages.map(({ kind }) => kind)).toEqual(["ocr", "text"]);
      expect(text).toContain("food challenge passed without reaction");
      expect(text).toContain("Received 3 May 2025");
    });
  });
});

/** A sound page, and one whose font says of each letter that it is another one, as fonts without a table of characters do. */
function withDamagedLayer(sound: string, damaged: readonly string[]): Buffer {
  const stream = (content: string) => `<</Length ${content.length}>>stream\n${content}\nendstream endobj`;
  const page = (font: number, contents: number) =>
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 300]/Contents ${contents} 0 R/Resources<</Font<</F ${font} 0 R>>>>>>endobj`;
  const text = (lines: readonly string[]) =>
    stream(`BT /F 16 Tf 22 TL 40 250 Td ${lines.map((line) => `(${line}) Tj T*`).join(" ")} ET`);
  const font = (more = "") => `<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding${more}>>endobj`;
  const shifted = "1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <21> <7e> <0004> endbfrange";
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>endobj",
    "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>endobj",
    page(5, 7),
    page(6, 8),
    font(),
    font("/ToUnicode 9 0 R"),
    text([sound]),
    text(damaged),
    stream(`/CIDInit /ProcSet findresource begin 12 dict begin begincmap ${shifted} endcmap end end`),
  ];
  const body = objects.map((object, index) => `${index + 1} 0 obj${object}`).join("\n");
  return Buffer.from(`%PDF-1.4\n${body}\ntrailer<</Root 1 0 R/Size 10>>\n%%EOF`);
}
