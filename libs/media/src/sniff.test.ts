import { describe, expect, test } from "@jest/globals";
import { isSupported, sniff, supportedTypes, xmlRoot } from "./index.js";

const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const utf8 = (text: string) => Buffer.from(text, "utf8");
const utf16be = (text: string) => Buffer.from(`\ufeff${text}`, "utf16le").swap16();
const member = (name: string) => Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(26), utf8(name)]);

const cases: [what: string, head: Uint8Array, mediaType: string | undefined][] = [
  ["a PDF", utf8("%PDF-1.7\n%âãÏÓ"), "application/pdf"],
  ["a PDF behind junk", utf8(`${"x".repeat(900)}\n%PDF-1.4\n`), "application/pdf"],
  ["a Word document", Buffer.concat([member("[Content_Types].xml"), member("word/document.xml")]), docx],
  ["an archive", member("report.txt"), "application/zip"],
  ["C-CDA", utf8('<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'), "application/cda+xml"],
  [
    "C-CDA with a prefix and a stylesheet",
    utf8('<?xml-stylesheet href="x"?><n1:ClinicalDocument>'),
    "application/cda+xml",
  ],
  ["C-CDA in UTF-16", utf16be('<?xml version="1.0" encoding="UTF-16"?><ClinicalDocument>'), "application/cda+xml"],
  ["other XML", utf8('<?xml version="1.0"?><note/>'), "application/xml"],
  ["damaged XML with a prologue", utf8('<?xml version="1.0"?>\n<asd> " << !!! broken here'), "application/xml"],
  ["XML without a prologue", utf8("<Message>\n <To>a</To>\n <Id n='1'/>\n</Message>\n"), "application/xml"],
  ["XML without a prologue, cut off", utf8("<!-- x --><Message><To>a</To><Body><New"), "application/xml"],
  ["a section of C-CDA", utf8("<section>\n<templateId root='1.2'/><title>Results</title>"), "application/xml"],
  ["a section of HTML", utf8("<section><h1>Results</h1></section>"), "text/html"],
  ["a fragment of HTML", utf8("<ul><li>one</li></ul>"), "text/html"],
  ["a note that begins with a value", utf8("<5 mg/L was measured, >3 before"), "text/plain"],
  ["a note that begins with placeholders", utf8("<NAME> <DOB>\nseen on <DATE>"), "text/plain"],
  ["a note with marks of its own", utf8("<plan>rest</plan> and <plan>fluids</plan>"), "text/plain"],
  ["a note with unequal marks", utf8("<plan><b>rest</plan></b>"), "text/plain"],
  ["HTML", utf8("<!DOCTYPE html><html><p>x"), "text/html"],
  ["HTML without a doctype", utf8("\n <html><body>x"), "text/html"],
  ["XHTML", utf8('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'), "text/html"],
  ["FHIR in XML", utf8('<Patient xmlns="http://hl7.org/fhir"><id value="1"/></Patient>'), "application/fhir+xml"],
  ["FHIR", utf8('{\n "resourceType" : "Patient"'), "application/fhir+json"],
  ["other JSON", utf8('{"a": 1}'), "application/json"],
  [
    "FHIR that says so behind an attachment",
    utf8(`{"content": [{"attachment": {"data": "${"A".repeat(9_000)}`),
    "application/fhir+json",
  ],
  ["other JSON, whole", utf8(JSON.stringify({ a: "A".repeat(9_000) })), "application/json"],
  ["HL7 v2", utf8("MSH|^~\\&|LAB|"), "application/hl7-v2"],
  ["HL7 v2 in an MLLP frame", utf8("\x0bMSH|^~\\&|LAB|\r\x1c\r"), "application/hl7-v2"],
  ["an HL7 batch", utf8("FHS|^~\\&|\rBHS|^~\\&|\r"), "application/hl7-v2"],
  ["RTF", utf8("{\\rtf1\\ansi hello}"), "application/rtf"],
  ["PNG", Buffer.from("89504e470d0a1a0a0000", "hex"), "image/png"],
  ["JPEG", Buffer.from("ffd8ffe000104a46", "hex"), "image/jpeg"],
  ["TIFF", Buffer.from("4d4d002a00000008", "hex"), "image/tiff"],
  ["mail", utf8("From: a@example.org\nDate: x\nMIME-Version: 1.0\n\nhello"), "message/rfc822"],
  ["mail of Apple's", utf8("1234\nReturn-Path: <a@b>\nSubject: x\n\nhello"), "message/rfc822"],
  ["a mailbox", utf8("From a@b Mon Mar 17 11:15:04 2014\nSubject: x\n\nhello"), "application/mbox"],
  [
    "a page as a mail",
    utf8("From: <Saved>\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/related;\n boundary=b\n\n"),
    "multipart/related",
  ],
  ["a memo", utf8("From: Dr A\nTo: Dr B\nDate: 1 May\nSubject: results\n\nAll well."), "text/plain"],
  ["RTF behind a blank line", utf8("\n{\\rtf1 hello}"), "application/rtf"],
  [
    "OpenDocument",
    Buffer.concat([member("mimetypeapplication/vnd.oasis.opendocument.text"), member("content.xml")]),
    "application/vnd.oasis.opendocument.text",
  ],
  ["a note", utf8("[x] smoker\nBP < 120"), "text/plain"],
  ["a note in UTF-16 without a mark", Buffer.from("A note of ten words", "utf16le"), "text/plain"],
  ["a note in Latin-1", Buffer.from("Fièvre depuis 3 jours, 38,5 °C", "latin1"), "text/plain"],
  ["a note with one stray NUL", utf8("Seen today.\0 Well."), "text/plain"],
  ["a page behind many comments", utf8(`${"<!-- x --> ".repeat(1_000)}<!DOCTYPE html><p>x`), "text/html"],
  [
    "C-CDA behind many comments",
    utf8(`${"<!-- x -->".repeat(1_000)}<ClinicalDocument xmlns="x">`),
    "application/cda+xml",
  ],
  ["many comments and no more", utf8(`${"<!-- x -->".repeat(1_000)}and so on`), "text/plain"],
  ["a line that begins like a mailbox", utf8(`From ${"1234 ".repeat(3_000)}`), "text/plain"],
  ["random bytes", Buffer.from([0, 1, 2, 3, 200, 201, 5, 6, 0, 0, 17, 130]), undefined],
  ["nothing", new Uint8Array(), undefined],
];

describe("sniff", () => {
  test.each(cases)("recognises %s by its content", (_what, head, mediaType) => {
    expect(sniff(head)?.mediaType).toBe(mediaType);
  });
});

test.each([
  ["pdf", utf8("%PDF-1.7")],
  ["zip", member("word/document.xml")],
  ["gzip", Buffer.from("1f8b0800", "hex")],
  ["tar", Buffer.concat([utf8("a.txt"), Buffer.alloc(252), utf8("ustar\0")])],
  ["dicom", Buffer.concat([Buffer.alloc(128), utf8("DICM")])],
  ["cfb", Buffer.from("d0cf11e0a1b11ae1", "hex")],
  ["xml", utf8("<ClinicalDocument>")],
  ["json", utf8('{"resourceType": "Patient"}')],
  ["text", utf8("<!doctype html>")],
  ["text", utf8("MSH|^~\\&|")],
  ["mail", utf8("From: a\nDate: x\nMIME-Version: 1.0\n")],
])("the family is %s", (family, head) => {
  expect(sniff(head)?.family).toBe(family);
});

test("a root element has its name and its namespace, whichever prefix it uses", () => {
  expect(xmlRoot('<?xml version="1.0"?><!-- x --><a xmlns="urn:a" xmlns:b="urn:b">')).toEqual({
    name: "a",
    namespace: "urn:a",
  });
  expect(xmlRoot("<b:a xmlns='urn:a' xmlns:b='urn:b'/>")).toEqual({ name: "a", namespace: "urn:b" });
  expect(xmlRoot("<a><b xmlns='urn:b'/></a>")).toEqual({ name: "a", namespace: null });
});

test("a container that may hold a supported kind is taken in, one that can't is not", () => {
  expect(isSupported("application/zip")).toBe(true);
  expect(isSupported("application/x-cfb")).toBe(true);
  expect(isSupported("application/x-7z-compressed")).toBe(false);
});

test("every supported type is reported as supported, others are not", () => {
  expect(supportedTypes.every((type) => isSupported(type.mediaType))).toBe(true);
  expect(isSupported("application/x-msdownload")).toBe(false);
});
