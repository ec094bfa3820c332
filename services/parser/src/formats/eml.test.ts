import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const head =
  "From: Ward Seven <ward@example.org>\nTo: GP <gp@example.org>\nSubject: =?utf-8?q?Befund_f=C3=BCr?=\nDate: Mon, 17 Mar 2014 11:15:04 +0100\nMIME-Version: 1.0\nMessage-ID: <1@x>\n";
const multipart = (kind: string, ...parts: string[]) =>
  `Content-Type: multipart/${kind}; boundary=b\n\n${parts.map((part) => `--b\n${part}\n`).join("")}--b--\n`;

describe("mail", () => {
  test("who wrote what to whom and when", async () => {
    const { text, summary } = await parseBytes(
      `${head}Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nFi=E8vre.\n`,
    );
    expect(text).toBe(
      "Subject: Befund für\nFrom: Ward Seven <ward@example.org>\nTo: GP <gp@example.org>\nDate: Mon, 17 Mar 2014 11:15:04 +0100\n\nFièvre.",
    );
    expect(summary.header.title).toBe("Befund für");
    expect(summary.header.dates).toEqual([
      { kind: "authored", value: "2014-03-17T10:15:04Z", precision: "second", origin: "Date" },
    ]);
  });

  test("a body that says more as HTML is read as that, with its tables", async () => {
    const rich =
      "Content-Type: text/html\n\n<p>Results of today, see below for all of them</p><table><tr><th>Test</th><th>Value</th></tr><tr><td>Na</td><td>140</td></tr></table>";
    const mail = head + multipart("alternative", "Content-Type: text/plain\n\nSee HTML.", rich);
    const { tables, text, summary } = await parseBytes(mail);
    expect(text).toContain("Na | 140");
    // What only the text says is not lost with it.
    expect(summary.warnings).toEqual([{ code: "mail_bodies_differ" }]);
    expect(text.endsWith("140\n\nSee HTML.")).toBe(true);
    expect(tables).toMatchObject([{ headerRows: 1 }]);
  });

  test("of text and HTML that each say something else nothing is lost, and nothing is said twice", async () => {
    const both = (text: string, html: string) =>
      parseBytes(
        head + multipart("alternative", `Content-Type: text/plain\n\n${text}`, `Content-Type: text/html\n\n${html}`),
      );
    const body = ({ text }: { text: string }) => text.slice(text.indexOf("\n\n") + 2);
    const said = "The patient was seen today and is well. Please go on with the tablets that were given before.";
    expect(body(await both(said, `<p>${said}</p>`))).toBe(said);
    expect(body(await both(said, `<p>${said}</p><p>Stop warfarin.</p>`))).toBe(`${said}\n\nStop warfarin.`);
    expect(body(await both(`${said}\n\nStop warfarin.`, `<p>${said}</p>`))).toBe(`${said}\n\nStop warfarin.`);
    expect(
      body(await both(`${said}\nSee <https://example.org/a>\nStop warfarin.`, `<p>${said}</p>See<p>Na 120</p>`)),
    ).toBe(`${said}\n\nSee\n\nNa 120\n\nStop warfarin.`);
    // A number that the HTML gives once more than the text is one more result.
    expect(body(await both("K 5\nNa 5", "<p>K 5</p><p>Na 5</p><p>Cl 5</p>"))).toBe("K 5\n\nNa 5\n\nCl 5");
  });

  test("a message that ends too early is said to", async () => {
    const file =
      "Content-Type: application/pdf; name=r.pdf\nContent-Disposition: attachment; filename=r.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ=";
    const whole = head + multipart("mixed", "Content-Type: text/plain\n\nhello", file);
    expect((await parseBytes(whole)).summary.warnings).toEqual([]);
    for (const end of [whole.indexOf("--b--"), whole.indexOf("JVBER") + 6]) {
      const { summary, children } = await parseBytes(whole.slice(0, end));
      expect(summary.warnings).toEqual([{ code: "file_cut_short" }]);
      expect(children).toHaveLength(1);
    }
    const single = `${head}Content-Transfer-Encoding: base64\n\n${Buffer.from("All is well.").toString("base64")}`;
    expect((await parseBytes(`${single}\n`)).summary.warnings).toEqual([]);
    expect((await parseBytes(single.slice(0, -2))).summary.warnings).toEqual([{ code: "file_cut_short" }]);
  });

  test("a small picture is left out only where the body shows it, and an empty attachment is said to be one", async () => {
    const picture = (id: string) =>
      `Content-Type: image/png; name=${id}.png\nContent-ID: <${id}@x>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=`;
    const empty = "Content-Type: application/pdf; name=e.pdf\nContent-Disposition: attachment\n";
    const { children, summary } = await parseBytes(
      head +
        multipart(
          "related",
          'Content-Type: text/html\n\n<p>Hi</p><img src="cid:a@x">',
          picture("a"),
          picture("b"),
          empty,
        ),
    );
    expect(children.map(({ fileName }) => fileName)).toEqual(["b.png"]);
    expect(summary.warnings).toEqual([{ code: "inline_picture_skipped" }, { code: "attachment_empty" }]);
  });

  test("attachments and forwarded messages are children, ornaments are not", async () => {
    const file =
      "Content-Type: application/pdf; name=r.pdf\nContent-Disposition: attachment; filename=r.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ=";
    const forwarded = `Content-Type: message/rfc822\n\n${head}\ninner text`;
    const logo =
      "Content-Type: image/png\nContent-Disposition: inline\nContent-ID: <l>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=";
    const { children, summary, text } = await parseBytes(
      head + multipart("mixed", 'Content-Type: text/html\n\nhello <img src="cid:l">', file, forwarded, logo),
    );
    expect(
      children.map(({ fileName, declaredType, bytes }) => [fileName, declaredType, bytes.toString().slice(0, 8)]),
    ).toEqual([
      ["r.pdf", "application/pdf", "%PDF-1.4"],
      [null, "message/rfc822", "From: Wa"],
    ]);
    expect(text).not.toContain("inner text");
    expect(summary.warnings).toEqual([{ code: "inline_picture_skipped" }]);
  });

  test("a cipher is said to be one, and endless nesting ends", async () => {
    const cipher = `${head}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\n\nMIAG\n`;
    await expect(parseBytes(cipher)).rejects.toMatchObject({ code: "document_encrypted" });
    let nested = head;
    for (let level = 0; level < 500; level += 1)
      nested += `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`;
    await expect(parseBytes(nested)).rejects.toMatchObject({ code: "limit_nesting" });
  });
});

describe("mailboxes", () => {
  const from = "From ward@example.org Mon Mar 17 11:15:04 2014\n";

  test("each message is a child, with its quoting undone", async () => {
    const { children } = await parseBytes(`${from}${head}\none\n>From here\nFrom there\n\n${from}${head}\ntwo\n`);
    expect(children.map(({ path, bytes }) => [path, bytes.toString().split("\n\n").slice(1).join("|")])).toEqual([
      ["message[0]", "one\nFrom here\nFrom there|"],
      ["message[1]", "two\n"],
    ]);
  });

  test("a single message is read as one", async () => {
    const { text, children } = await parseBytes(`${from}${head}\nhello\n`);
    expect(text).toContain("\n\nhello");
    expect(children).toEqual([]);
  });
});

test("a web archive is its page", async () => {
  const page = "Content-Type: text/html; charset=utf-8\n\n<title>T</title><h1>Head</h1><p>Body</p>";
  const file = `From: <Saved>\nSubject: Page\nMIME-Version: 1.0\n${multipart("related", page, "Content-Type: text/css\n\np{}")}`;
  const { sections, summary, children } = await parseBytes(file);
  expect(summary).toMatchObject({ format: "mhtml", header: { title: "T" } });
  expect(sections.map(({ title, text }) => [title, text])).toEqual([
    [null, "Subject: Page"],
    ["Head", "Head\n\nBody"],
  ]);
  expect(children).toEqual([]);
});
