import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { packed, relationships } from "../testing/office-files.js";

const p = (text: string) => `<a:p><a:r><a:t>${text}</a:t></a:r></a:p>`;
const shape = (text: string, type = "body") =>
  `<p:sp><p:nvPr><p:ph type="${type}"/></p:nvPr><p:txBody>${text}</p:txBody></p:sp>`;
const slide = (body: string, show = "1") => `<p:sld show="${show}"><p:cSld>${body}</p:cSld></p:sld>`;

function show(
  slides: string[],
  more: Record<string, string | Buffer> = {},
  ids = slides.map((_, index) => index),
): Promise<Buffer> {
  return packed({
    "ppt/presentation.xml": `<p:presentation><p:sldIdLst>${ids
      .map((id) => `<p:sldId id="${id}" r:id="r${id}"/>`)
      .join("")
      .replaceAll(/ id="\d+"/g, "")}</p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": relationships(
      Object.fromEntries(
        slides.map((_, index) => [`r${index}`, ["slide", `slides/slide${index}.xml`] as [string, string]]),
      ),
    ),
    ...Object.fromEntries(slides.map((xml, index) => [`ppt/slides/slide${index}.xml`, xml])),
    ...more,
  });
}

describe("PowerPoint", () => {
  test("a slide is a page, in the order of the show, with its table and notes", async () => {
    const table = `<a:tbl><a:tr><a:tc><a:txBody>${p("Na")}</a:txBody></a:tc><a:tc><a:txBody>${p("140")}</a:txBody></a:tc></a:tr></a:tbl>`;
    const file = await show(
      [
        slide(shape(p("Second"), "title")),
        slide(shape(p("First"), "ctrTitle") + shape(p("one") + p("two")) + table + shape(p("7"), "sldNum")),
      ],
      {
        "ppt/slides/_rels/slide1.xml.rels": relationships({ n: ["notesSlide", "../notesSlides/n.xml"] }),
        "ppt/notesSlides/n.xml": `<p:notes>${shape(p("say this"))}${shape(p("1"), "sldNum")}</p:notes>`,
      },
      [1, 0],
    );
    const { sections, pages, tables } = await parseBytes(file);
    expect(sections.map(({ title, text, pageFrom }) => [title, text, pageFrom])).toEqual([
      ["First", "First\none\ntwo\nNa | 140\n\nNotes: say this", 1],
      ["Second", "Second", 2],
    ]);
    expect(pages.map(({ kind }) => kind)).toEqual(["text", "text"]);
    expect(tables[0]?.rows[0]?.cells).toEqual(["Na", "140"]);
  });

  test("struck text is marked as withdrawn, and raised digits are set off", async () => {
    const run = (text: string, properties = "") => `<a:r><a:rPr ${properties}/><a:t>${text}</a:t></a:r>`;
    const body = `<a:p>${run("5 mg", 'strike="sngStrike"')}${run(" 10", 'strike="noStrike"')}${run("3", 'baseline="30000"')}${run("2", 'baseline="-25000"')}</a:p>`;
    expect((await parseBytes(await show([slide(shape(body))]))).text).toBe("~~5 mg~~ 10^32");
  });

  test("slides without text are pages too; hidden ones are said", async () => {
    const { pages, summary } = await parseBytes(await show([slide(shape(p("x")), "0"), slide("<p:pic/>"), slide("")]));
    expect(pages.map(({ kind }) => kind)).toEqual(["text", "image", "blank"]);
    expect(summary.warnings).toEqual([
      { code: "slide_hidden", page: 1 },
      { code: "page_without_text", page: 2 },
    ]);
  });

  test("one slide shown without end meets the limit of pages", async () => {
    const file = await show([slide(shape(p("x")))], {}, new Array(50).fill(0));
    await expect(parseBytes(file, null, { maxPages: 20 })).rejects.toMatchObject({ code: "limit_pages" });
  });
});
