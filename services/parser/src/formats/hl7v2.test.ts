import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const msh = "MSH|^~\\&|A|B|C|D|20250102030405-0500||ORU^R01|1|P|2.5";
const message = (...segments: string[]) => [msh, ...segments].join("\r");

describe("HL7 v2", () => {
  test("the header is read from PID and MSH", async () => {
    const pid = "PID|1||77^^^Hosp&1.2.3&ISO^MR~88^^^LAB||Lee^Ann^B^^Dr||195001|F";
    const { summary } = await parseBytes(message(pid, "OBX|1|ST|a^Note||well"));
    expect(summary.header).toMatchObject({
      type: { code: "ORU^R01" },
      patients: [
        {
          identifiers: [
            { authority: "urn:oid:1.2.3", value: "77", type: "MR" },
            { authority: "LAB", value: "88" },
          ],
          names: ["Dr Ann B Lee"],
          birthDate: "1950-01",
          sex: "female",
        },
      ],
      dates: [{ kind: "authored", value: "2025-01-02T03:04:05-05:00", precision: "second" }],
    });
  });

  test("results are lines under their order, with what changes their meaning", async () => {
    const { sections } = await parseBytes(
      message(
        "OBR|1|||718-7^Hemoglobin^LN",
        "OBX|1|NM|718-7^Hemoglobin^LN||8.7|g/dL|12-15|L|||C",
        "NTE|1||called",
        "NTE|2||twice",
        "OBX|2|SN|x^CRP||<^5|mg/l",
      ),
    );
    expect(sections).toMatchObject([{ title: "Hemoglobin", code: { system: "http://loinc.org", code: "718-7" } }]);
    expect(sections[0]?.text).toBe(
      "Hemoglobin\nHemoglobin: 8.7 g/dL (12-15) L [corrected]\nNote: called\ntwice\nCRP: < 5 mg/l",
    );
  });

  test("prose over several segments is put together, escapes are resolved, other segments are kept", async () => {
    const { text } = await parseBytes(
      message(
        "OBX|1|TX|R^Report||Mass \\T\\ node\\.br\\5 cm",
        "OBX|2|TX|R^Report||No \\X41\\fib \\H\\now\\N\\",
        "AL1|1|DA|70618^Penicillin|SV|Rash",
      ),
    );
    expect(text).toBe("Report:\nMass & node\n5 cm\nNo Afib now\nAllergy: 1 | DA | 70618 Penicillin | SV | Rash");
  });

  test.each([
    ["Latin-1 by MSH-18", Buffer.from(`${msh}||||||8859/1\rOBX|1|ST|a^Ort||Köln`, "latin1")],
    ["UTF-8 without a word", Buffer.from(`${msh}\nOBX|1|ST|a^Ort||Köln\n`)],
    ["an MLLP frame", Buffer.from(`\x0b${msh}\rOBX|1|ST|a^Ort||Köln\r\x1c\r`)],
    ["CR LF", Buffer.from(`${msh}\r\nOBX|1|ST|a^Ort||Köln\r\n`)],
    ["other delimiters", Buffer.from("MSH#*!?%#A\rOBX#1#ST#a*Ort##Köln")],
  ])("is read in %s", async (_what, bytes) => {
    expect((await parseBytes(bytes)).text).toBe("Ort: Köln");
  });

  test("an encapsulated document is a child, an unreadable one is reported", async () => {
    const data = Buffer.from("%PDF-1.4 report").toString("base64");
    const { children, summary } = await parseBytes(
      message(`OBX|1|ED|P^PDF||^application^pdf^Base64^${data}`, "OBX|2|ED|P^PDF||^application^pdf^Base64^?"),
    );
    expect(children).toMatchObject([
      { path: "segment[1].OBX-5", declaredType: "application/pdf", bytes: Buffer.from("%PDF-1.4 report") },
    ]);
    expect(summary.warnings).toEqual([{ code: "attachment_unreadable" }]);
  });

  test("a batch gives a child a message and no text", async () => {
    const batch = [
      "FHS|^~\\&|A",
      "BHS|^~\\&|A",
      message("OBX|1|ST|a^Ort||Köln"),
      message("PID|1"),
      "BTS|2",
      "FTS|1",
    ].join("\r");
    const { children, sections } = await parseBytes(Buffer.from(batch, "latin1"));
    expect(sections).toEqual([]);
    expect(children.map((child) => child.path)).toEqual(["message[0]", "message[1]"]);
    expect((await parseBytes(children[0]?.bytes ?? "")).text).toBe("Ort: Köln");
  });
});
