import { describe, expect, test } from "@jest/globals";
import JSZip from "jszip";
import { parseBytes } from "../testing/collect.js";

const ns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

async function word(body: string, more: Record<string, string | Buffer> = {}): Promise<Buffer> {
  const zip = new JSZip();
  zip.file("word/document.xml", `<w:document ${ns}><w:body>${body}</w:body></w:document>`);
  for (const [name, content] of Object.entries(more)) zip.file(name, content);
  return zip.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

const p = (text: string, properties = "") => `<w:p><w:pPr>${properties}</w:pPr><w:r><w:t>${text}</w:t></w:r></w:p>`;

describe("Word", () => {
  test("headings begin sections, by outline level where the style's name is another language's", async () => {
    const styles = `<w:styles ${ns}><w:style w:styleId="berschrift2"><w:name w:val="Befund"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>`;
    const file = await word(p("before") + p("Befund", '<w:pStyle w:val="berschrift2"/>') + p("gut"), {
      "word/styles.xml": styles,
    });
    const { sections } = await parseBytes(file);
    expect(sections.map(({ level, title, text }) => [level, title, text])).toEqual([
      [1, null, "before"],
      [2, "Befund", "Befund\n\ngut"],
    ]);
  });

  test("tables are a line a row, lists have marks, tabs stay", async () => {
    const cell = (text: string) => `<w:tc>${p(text)}</w:tc>`;
    const body = `<w:tbl><w:tr>${cell("Na")}${cell("140")}</w:tr></w:tbl>${p("one", '<w:numPr><w:numId w:val="9"/></w:numPr>')}<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p>`;
    const { text, tables } = await parseBytes(await word(body));
    expect(text).toBe("Na | 140\n\n- one\na\tb");
    expect(tables.map(({ headerRows, rows }) => [headerRows, ...rows.map((row) => row.cells)])).toEqual([
      [0, ["Na", "140"]],
    ]);
  });

  test("page headers, footnotes and text boxes are read; deleted text and field codes are not", async () => {
    const body = `<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:txbxContent>${p("boxed")}</w:txbxContent></w:r></w:p>`;
    const more = {
      "word/header1.xml": `<w:hdr ${ns}>${p("MRN 77")}</w:hdr>`,
      "word/header2.xml": `<w:hdr ${ns}>${p("MRN 77")}</w:hdr>`,
      "word/footnotes.xml": `<w:footnotes ${ns}>${p("a note")}</w:footnotes>`,
    };
    const { sections } = await parseBytes(await word(body, more));
    expect(sections.map((section) => section.text)).toEqual(["MRN 77", "new\nboxed", "a note"]);
  });

  test("struck text is marked as withdrawn, once however many runs it has, and raised digits are set off", async () => {
    const run = (text: string, properties = "") =>
      `<w:r><w:rPr>${properties}</w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;
    const marked = `<w:p><w:pPr><w:rPr><w:strike/></w:rPr></w:pPr>${run("take ")}${run("5", "<w:strike/>")}${run(" mg ", "<w:dstrike/>")}${run("10 mg", '<w:strike w:val="0"/>')}</w:p>`;
    const raised = `<w:p>${run("WBC 10")}${run("3", '<w:vertAlign w:val="superscript"/>')}${run("/l")}</w:p>`;
    const cell = (text: string) => `<w:tc><w:p>${text}</w:p></w:tc>`;
    const table = `<w:tbl><w:tr>${cell(run("aspirin", "<w:strike/>"))}${cell(run("100 mg"))}</w:tr></w:tbl>`;
    const { text } = await parseBytes(
      await word(
        `${marked}${raised}<w:p>${run("all", "<w:strike/>")}</w:p><w:p>${run("gone", "<w:strike/>")}</w:p>${table}`,
      ),
    );
    expect(text).toBe("take ~~5 mg~~ 10 mg\nWBC 10^3/l\n~~all~~\n~~gone~~\n~~aspirin~~ | 100 mg");
  });

  test("files within are children", async () => {
    const { children } = await parseBytes(
      await word(p("see attached"), { "word/embeddings/report.pdf": Buffer.from("%PDF-1.4") }),
    );
    expect(children).toMatchObject([{ path: "word/embeddings/report.pdf", fileName: "report.pdf" }]);
  });

  test("numbered paragraphs have their numbers, by themselves or by their style, each list its own count", async () => {
    const level = (index: number, format: string, text: string, start = 1) =>
      `<w:lvl w:ilvl="${index}"><w:start w:val="${start}"/><w:numFmt w:val="${format}"/><w:lvlText w:val="${text}"/></w:lvl>`;
    const numbering = `<w:numbering ${ns}><w:abstractNum w:abstractNumId="0">${level(0, "decimal", "%1.")}${level(1, "lowerLetter", "%1.%2)")}</w:abstractNum><w:abstractNum w:abstractNumId="1">${level(0, "upperRoman", "§ %1", 4)}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num><w:num w:numId="3"><w:abstractNumId w:val="1"/></w:num></w:numbering>`;
    const styles = `<w:styles ${ns}><w:style w:styleId="H"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style><w:style w:styleId="L"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style></w:styles>`;
    const item = (text: string, id: number, at = 0) =>
      p(text, `<w:numPr><w:ilvl w:val="${at}"/><w:numId w:val="${id}"/></w:numPr>`);
    const styled = (text: string, style: string, more = "") => p(text, `<w:pStyle w:val="${style}"/>${more}`);
    const body = `${styled("Plan", "H")}${item("a", 1)}${item("b", 1, 1)}${item("c", 1, 1)}${item("d", 1)}${item("e", 1, 1)}${item("f", 2)}${item("g", 2)}${styled("h", "L")}${styled("i", "L", '<w:numPr><w:numId w:val="0"/></w:numPr>')}`;
    const { sections } = await parseBytes(
      await word(body, { "word/numbering.xml": numbering, "word/styles.xml": styles }),
    );
    expect(sections.map(({ title, text }) => [title, text])).toEqual([
      ["Plan", "§ IV Plan\n\n1. a\n1.a) b\n1.b) c\n2. d\n2.a) e\n1. f\n2. g\n3. h\ni"],
    ]);
  });

  test("text that is included from other formats stands where Word shows it", async () => {
    const rels = `<Relationships><Relationship Id="a" Type="http://x/aFChunk" Target="afchunk.mht"/><Relationship Id="b" Type="http://x/aFChunk" Target="b.rtf"/></Relationships>`;
    const page =
      "MIME-Version: 1.0\nContent-Type: text/html\nFrom: x\n\n<table><tr><td>Na</td><td>140</td></tr></table>";
    const { text, tables } = await parseBytes(
      await word(`${p("before")}<w:altChunk r:id="a"/>${p("between")}<w:altChunk r:id="b"/>`, {
        "word/_rels/document.xml.rels": rels,
        "word/afchunk.mht": page,
        "word/b.rtf": "{\\rtf1 rich}",
      }),
    );
    expect(text).toBe("before\n\nNa | 140\n\nbetween\n\nrich");
    expect(tables).toHaveLength(1);
  });

  test("unpacking more than allowed stops, also where the directory says less", async () => {
    const honest = await word(p("x".repeat(3_000_000)));
    await expect(parseBytes(honest, null, { maxExpandedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "limit_expanded_size",
    });
    const lying = Buffer.from(honest);
    lying.writeUInt32LE(10, lying.lastIndexOf("PK\x01\x02") + 24);
    await expect(parseBytes(lying, null, { maxExpandedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "limit_expanded_size",
    });
  });

  test("an archive that is no Word document, a cut one, a garbled one and a locked one have codes", async () => {
    const zip = await new JSZip().file("a.txt", "a").generateAsync({ type: "nodebuffer" });
    expect((await parseBytes(zip)).summary.format).toBe("zip");
    const cut = (await word(p("text"))).subarray(0, 200);
    await expect(parseBytes(cut)).rejects.toMatchObject({ code: "document_corrupt" });
    const garbled = await word(p("text"));
    garbled.writeUInt32LE(1, garbled.lastIndexOf("PK\x01\x02") + 16);
    await expect(parseBytes(garbled)).rejects.toMatchObject({ code: "document_corrupt" });
    const exotic = await word(p("text"));
    exotic[exotic.lastIndexOf("PK\x01\x02") + 10] = 14;
    await expect(parseBytes(exotic)).rejects.toMatchObject({ code: "document_type_unsupported" });
    await expect(parseBytes(await word("", { "[trash]/x": "y" }))).rejects.toMatchObject({ code: "document_empty" });
    const locked = await word(p("text"));
    locked[locked.lastIndexOf("PK\x01\x02") + 8] = 1;
    await expect(parseBytes(locked)).rejects.toMatchObject({ code: "document_encrypted" });
  });
});
