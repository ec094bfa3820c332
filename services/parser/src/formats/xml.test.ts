import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

describe("XML", () => {
  test("names and values are lines, indented below what they are in", async () => {
    const source = `<Message>
      <Header><SentTime zone="UTC">2008-02-20</SentTime><Empty/></Header>
      <Drug><Name>Metformin</Name><Form code="10" displayName="Tablet"/><family value="Lee"/></Drug>
    </Message>`;
    const { sections, summary } = await parseBytes(source);
    expect(summary).toMatchObject({ format: "xml", mediaType: "application/xml" });
    expect(sections.map(({ text }) => text.split("\n"))).toEqual([
      [
        "Message",
        "Header",
        "  Sent time (zone UTC): 2008-02-20",
        "Drug",
        "  Name: Metformin",
        "  Form: code 10; display name Tablet",
        "  Family: Lee",
      ],
    ]);
  });

  test.each([
    ["elements within a sentence", "<p>Take <b>two</b> daily</p>", "P: Take two daily"],
    ["words between elements", "<a><b>one</b> stray <c>two</c></a>", "A\nB: one\nstray\nC: two"],
    ["lines of a note", "<note><![CDATA[BP < 120\n  well &amp; fit]]></note>", "Note:\nBP < 120\n  well &amp; fit"],
    ["prefixes and declarations of namespaces", '<x:a xmlns:x="urn:x" xmlns="urn:y"><x:b>1</x:b></x:a>', "A\nB: 1"],
  ])("reads %s", async (_what, source, text) => {
    expect((await parseBytes(`<?xml version="1.0"?>${source}`)).text).toBe(text);
  });

  test("a long document has a section for each run of equal elements", async () => {
    const rows = (name: string) => `<${name}>${"word ".repeat(20)}</${name}>`.repeat(30);
    const { sections } = await parseBytes(`<list>${rows("order")}${rows("result")}</list>`);
    expect(sections.map(({ title }) => title)).toEqual(["Order", "Result"]);
    expect(sections[1]?.text.match(/Result: word/g)).toHaveLength(30);
  });

  test("files within are children", async () => {
    const bytes = Buffer.from(`%PDF-1.4 ${"report ".repeat(60)}`);
    const { children, text } = await parseBytes(
      `<Letter><To>Dr Lee</To><Body><Data>${bytes.toString("base64")}</Data></Body></Letter>`,
    );
    expect(children).toMatchObject([{ path: "Letter/Body/Data[4]", bytes }]);
    expect(text).toBe("Letter\nTo: Dr Lee");
  });

  test.each([
    ["damaged", '<?xml version="1.0"?>\n<asd> " << !!! something is broken here\n', "document_corrupt"],
    ["cut off", '<?xml version="1.0"?><a><b>text</b>', "document_corrupt"],
    ["with words after its end", '<?xml version="1.0"?><a>x</a> more', "document_corrupt"],
    ["with entities of its own", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha">]><a>&x;</a>', "document_corrupt"],
    ["without text", '<?xml version="1.0"?><a version="1"><b/></a>', "document_empty"],
    ["nested too deep", `<?xml version="1.0"?>${"<a>".repeat(300)}${"</a>".repeat(300)}`, "limit_nesting"],
  ])("a document %s has a code", async (_what, source, code) => {
    await expect(parseBytes(source)).rejects.toMatchObject({ code });
  });
});
