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
    const { tables, text } = await parseBytes(mail);
    expect(text).toContain("Na | 140");
    expect(text).not.toContain("See HTML");
    expect(tables).toMatchObject([{ headerRows: 1 }]);
  });

  test("attachments and forwarded messages are children, ornaments are not", async () => {
    const file =
      "Content-Type: application/pdf; name=r.pdf\nContent-Disposition: attachment; filename=r.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ=";
    const forwarded = `Content-Type: message/rfc822\n\n${head}\ninner text`;
    const logo =
      "Content-Type: image/png\nContent-Disposition: inline\nContent-ID: <l>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=";
    const { children, summary, text } = await parseBytes(
      head + multipart("mixed", "Content-Type: text/plain\n\nhello", file, forwarded, logo),
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
  expect(sections.map(({ title, text }) => [title, text])).toEqual([["Head", "Head\n\nBody"]]);
  expect(children).toEqual([]);
});
