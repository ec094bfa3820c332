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

  test("a batch of one message is that message, and members keep the character sets they name", async () => {
    const one = ["FHS|^~\\&|A", "BHS|^~\\&|A", message("OBX|1|ST|a^Ort||well"), "BTS|1"].join("\r");
    expect(await parseBytes(one)).toMatchObject({ children: [], text: "Ort: well" });
    const members = ["8859/1", "8859/5"].map((set) => `${msh}||||||${set}\rOBX|1|ST|a^Ort||\xd0\xe1\r`);
    const { children } = await parseBytes(Buffer.from(members.join(""), "latin1"));
    const texts = await Promise.all(children.map(async ({ bytes }) => (await parseBytes(bytes)).text));
    expect(texts).toEqual(["Ort: Ðá", "Ort: ас"]);
  });

  test.each([
    [
      "GB18030",
      Buffer.concat([Buffer.from(`${msh}||||||GB 18030-2000\rOBX|1|ST|a^Ort||`), Buffer.from("d2bbbfcc", "hex")]),
      "一刻",
    ],
    ["ISO IR87", Buffer.from(`${msh}||||||ASCII~ISO IR87\rOBX|1|ST|a^Ort||\x1b$B;3ED\x1b(B`), "山田"],
    ["ISO IR87 by escapes", Buffer.from(`${msh}||||||ASCII~ISO IR87\rOBX|1|ST|a^Ort||\\M2442\\;3ED\\C2842\\`), "山田"],
    [
      "UTF-8 in hexadecimal escapes",
      Buffer.from(`${msh}||||||UNICODE UTF-8\rOBX|1|ST|a^Ort||K\\XC3\\\\XB6\\ln`),
      "Köln",
    ],
  ])("characters in %s are read", async (_what, bytes, text) => {
    expect((await parseBytes(bytes)).text).toBe(`Ort: ${text}`);
  });

  test.each([
    ["DT", "20250131", "2025-01-31"],
    ["TM", "0915", "09:15"],
    ["DR", "20250131^20250203", "2025-01-31 – 2025-02-03"],
    ["XCN", "12^Lee^Ann^^^Dr", "Dr Ann Lee"],
    ["CWE", "260373001^Detected^SCT", "Detected"],
    ["SN", "^1^:^128", "1 : 128"],
  ])("a value of type %s is read as people write it", async (type, value, text) => {
    const { facts, text: all } = await parseBytes(message(`OBX|1|${type}|a^Test||${value}`));
    expect(all).toBe(`Test: ${text}`);
    expect(facts).toMatchObject([{ value: text }]);
  });

  test("what segments state are facts, with the line that says it", async () => {
    const { facts, text } = await parseBytes(
      message(
        "PID|1||77^^^LAB||Lee^Ann",
        "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|20190304",
        "DG1|1||I10^Hypertension^I10C||20200101",
        "PR1|1||80146002^Appendectomy^SCT||20100203",
        "OBR|1|P1|F1|58410-2^CBC^LN|||20250102",
        "OBX|1|NM|718-7^Hemoglobin^LN^HGB^Hb^L||8.7|g/dL|12-15|L|||C",
        "OBX|2|NM|8867-4^Heart rate^LN||72|/min|||||F",
        "OBX|3|ST|x^Sent in error||5||||||W",
      ),
    );
    const seen = facts.map((fact) => [fact.kind, fact.text, fact.value, fact.status, fact.source, fact.patient]);
    expect(seen).toEqual([
      ["allergy", "Penicillin", null, null, "AL1[1]", 0],
      ["problem", "Hypertension", null, null, "DG1[1]", 0],
      ["procedure", "Appendectomy", null, null, "PR1[1]", 0],
      ["result", "Hemoglobin", "8.7", "corrected", "OBX[1]", 0],
      ["vital", "Heart rate", "72", "final", "OBX[2]", 0],
      ["result", "Sent in error", "5", "entered_in_error", "OBX[3]", 0],
    ]);
    expect(facts[3]).toMatchObject({
      codes: [{ system: "http://loinc.org", code: "718-7" }, { code: "HGB" }],
      unit: "g/dL",
      range: "12-15",
      flag: "L",
      effective: { value: "2025-01-02", precision: "day" },
    });
    expect(facts.map(({ evidence }) => evidence && text.slice(evidence.start, evidence.end))).toEqual([
      "Allergy: 1 | DA | 70618 Penicillin RXNORM | SV | Rash | 20190304",
      "Diagnosis: 1 | I10 Hypertension I10C | 20200101",
      "Procedure: 1 | 80146002 Appendectomy SCT | 20100203",
      "Hemoglobin: 8.7 g/dL 12-15 L [corrected]".replace("12-15", "(12-15)"),
      "Heart rate: 72 /min",
      "Sent in error: 5 [wrong]",
    ]);
  });

  test("what was refused was not given, and what is told of an injection is no result", async () => {
    const vxu = msh.replace("ORU^R01", "VXU^V04");
    const rxa = (code: string, status: string) => `RXA|0|1|20250101||${code}^CVX|0.5|mL|||||||||||||${status}|A`;
    const { facts } = await parseBytes(
      [vxu, "ORC|RE", rxa("03^MMR", "RE"), "OBX|1|CE|64994-7^Eligibility^LN||V01^Yes", rxa("20^DTaP", "CP")].join("\r"),
    );
    expect(facts.map(({ kind, text, status, unit }) => [kind, text, status, unit])).toEqual([
      ["immunization", "MMR", "negated", "mL"],
      ["immunization", "DTaP", "completed", "mL"],
    ]);
  });

  test("a value of many lines is prose and no fact", async () => {
    const { facts } = await parseBytes(message("OBR|1", "OBX|1|TX|R^Report||a", "OBX|2|TX|R^Report||b"));
    expect(facts).toEqual([]);
  });

  test("strings that OBX-4 tells apart are values of their own", async () => {
    const { facts, text } = await parseBytes(
      message("OBR|1", "OBX|1|ST|o^Organism|1|E. coli", "OBX|2|ST|o^Organism|2|K. oxytoca"),
    );
    expect(facts.map(({ value }) => value)).toEqual(["E. coli", "K. oxytoca"]);
    expect(text).toBe("Organism: E. coli\nOrganism: K. oxytoca");
  });

  test("results of two patients keep to whom they are about, as a conflict", async () => {
    const { facts, summary } = await parseBytes(
      message("PID|1||1^^^H||Lee^Ann", "OBR|1", "OBX|1|NM|a^K||4", "PID|2||2^^^H||Roe^Bob", "OBR|2", "OBX|1|NM|a^K||5"),
    );
    expect(facts.map(({ value, patient }) => [value, patient])).toEqual([
      ["4", 0],
      ["5", 1],
    ]);
    expect(summary.warnings).toEqual([{ code: "identity_conflict" }]);
  });

  test("a merge names one patient by both numbers", async () => {
    const merge = [msh.replace("ORU^R01", "ADT^A40"), "PID|1||1^^^H||Lee^Ann", "MRG|2^^^H"].join("\r");
    const { summary } = await parseBytes(merge);
    expect(summary.header.patients.map(({ identifiers }) => identifiers.map(({ value }) => value))).toEqual([
      ["1", "2"],
    ]);
    expect(summary.warnings).toEqual([]);
  });

  test("the visit is read from PV1", async () => {
    const pv1 = `PV1|1|I|W^1^2^North${"|".repeat(16)}V9${"|".repeat(25)}202501020830|20250104`;
    const { summary } = await parseBytes(message(pv1, "OBX|1|ST|a^Note||well"));
    expect(summary.header.encounter).toEqual({
      id: "V9",
      class: "inpatient",
      start: { value: "2025-01-02T08:30", precision: "minute" },
      end: { value: "2025-01-04", precision: "day" },
      facility: "North",
    });
  });

  describe("what messages do to those before them", () => {
    const own = { system: "urn:oid:1.2.3", value: "D2" };
    const parent = { system: "urn:oid:1.2.3", value: "D1" };
    const mdm = (event: string, stage = "", availability = "") =>
      [
        msh.replace("ORU^R01", `MDM^${event}`),
        `TXA|1|CN|TX||||202501020900|||||D2^^1.2.3^ISO|D1^^1.2.3^ISO||||${stage}||${availability}`,
        "OBX|1|TX|a^Note||well",
      ].join("\r");

    test.each([
      ["T02", "", "", "original", []],
      ["T02", "LA", "", "final", []],
      ["T04", "IP", "", "preliminary", [["replaces", own]]],
      ["T06", "", "", "appended", [["appends", parent]]],
      [
        "T08",
        "",
        "",
        "corrected",
        [
          ["replaces", own],
          ["corrects", parent],
        ],
      ],
      [
        "T10",
        "AU",
        "",
        "corrected",
        [
          ["replaces", parent],
          ["replaces", own],
        ],
      ],
      ["T11", "", "", "cancelled", [["cancels", own]]],
      ["T04", "", "CA", "cancelled", [["cancels", own]]],
      ["T02", "", "OB", "superseded", []],
    ])("MDM %s, TXA-17 %s, TXA-19 %s: %s", async (event, stage, availability, status, relations) => {
      const { header } = (await parseBytes(mdm(event, stage, availability))).summary;
      expect(header.identifiers).toEqual([own]);
      expect(header.status?.value).toBe(status);
      expect(header.relations.map(({ kind, target }) => [kind, target])).toEqual(relations);
    });

    test.each([
      ["F", ["F", "F"], "final", []],
      ["P", ["P"], "preliminary", []],
      ["C", ["F"], "corrected", ["corrects"]],
      ["F", ["F", "C"], "corrected", ["corrects"]],
      ["", ["F", "D"], "corrected", ["corrects"]],
      ["", ["W", "D"], "entered_in_error", ["withdraws"]],
      ["X", ["X"], "cancelled", ["cancels"]],
    ])("OBR-25 %s with OBX-11 %s: %s", async (order, results, status, kinds) => {
      const obx = results.map((each, index) => `OBX|${index}|NM|a^K||4||||||${each}`);
      const { header } = (await parseBytes(message(`OBR|1|P1|F1^LAB|a^K${"|".repeat(21)}${order}`, ...obx))).summary;
      expect(header.identifiers).toEqual([
        { system: "LAB", value: "F1" },
        { system: "B|A#placer", value: "P1" },
      ]);
      expect(header.status?.value).toBe(status);
      expect(header.relations).toEqual(
        kinds.map((kind) => ({ kind, target: { system: "LAB", value: "F1" }, source: "OBR[1]-3" })),
      );
    });
  });

  test("what stands in for a document that was taken out is reported, whatever its encoding", async () => {
    const { children, summary } = await parseBytes(
      message(
        "OBX|1|ED|a^X||^AP^PDF^Base64^UERGREFUQQ",
        `OBX|2|ED|b^Y||^TEXT^RTF^Hex^${Buffer.from("{\\rtf1 a}").toString("hex")}`,
        "OBX|3|ED|c^Z||^TEXT^XML^A^<ClinicalDocument/>",
        "OBX|4|ED|d^W||^TEXT^PLAIN^A^Just words",
        "OBX|5|RP|e^V||http://x/y^PACS",
      ),
    );
    expect(children.map(({ declaredType, bytes }) => [declaredType, String(bytes)])).toEqual([
      ["application/pdf", "PDFDATA"],
      ["text/rtf", "{\\rtf1 a}"],
      ["text/xml", "<ClinicalDocument/>"],
    ]);
    expect(summary.warnings).toEqual([{ code: "attachment_placeholder" }, { code: "attachment_not_available" }]);
  });

  describe("lines that were broken", () => {
    const obx = "OBX|1|TX|1^Culture||No growth";

    test("go on with the field, and the fields that follow it are fields", async () => {
      const { text, facts } = await parseBytes(message("OBX|1|NM|1^Potassium||5.1\n|mmol/L|3-5|H|||C"));
      expect(text).toBe("Potassium: 5.1 mmol/L (3-5) H [corrected]");
      expect(facts).toMatchObject([{ value: "5.1", unit: "mmol/L", status: "corrected" }]);
      expect((await parseBytes(message(`${obx}\nafter two days||||||P`))).text).toBe(
        "Culture:\nNo growth\nafter two days [preliminary]",
      );
      const data = Buffer.from("%PDF-1.4 report").toString("base64");
      const broken = `OBX|1|ED|P^PDF||^application^pdf^Base64^${data.slice(0, 8)}\n${data.slice(8)}||||||F`;
      expect((await parseBytes(message(broken))).children).toMatchObject([{ bytes: Buffer.from("%PDF-1.4 report") }]);
      expect((await parseBytes(message("PID|1||77^^^LAB||Lee^Ann||1950|F|||1 Elm St\nFlat 2||555"))).text).toBe(
        "Patient: 1 | 77 LAB | Lee Ann | 1950 | F | 1 Elm St\nFlat 2 | 555",
      );
    });

    test("keep their bars where these are part of a text", async () => {
      const { text } = await parseBytes(message(`${obx}\nDrug | MIC\nOxacillin | 0.5`, "NTE|1||See\na | b"));
      expect(text).toBe("Culture:\nNo growth\nDrug | MIC\nOxacillin | 0.5\nNote: See\na | b");
    });

    test("may be three capital letters, or stand below a segment without fields", async () => {
      expect((await parseBytes(message(`${obx}\nESR\nCRP raised`))).text).toBe("Culture:\nNo growth\nESR\nCRP raised");
      expect((await parseBytes(message(obx, "PV2", "fell at home"))).text).toContain("fell at home");
    });
  });

  test("segments of digits are kept, those that only count themselves are not", async () => {
    const { text } = await parseBytes(message("PID|1", "ZVT|1|37.2|98", "ZID|4471", "OBX|1|ST|a^Ort||Köln"));
    expect(text).toBe("ZVT: 1 | 37.2 | 98\nZID: 4471\nOrt: Köln");
  });

  test("what is erroneous, over or on hold is not stated as it is", async () => {
    const { facts } = await parseBytes(
      message(
        "IAM|1|DA|1^Penicillin^L|SV||A|||||||||||E",
        "IAM|2|DA|2^Latex^L|SV||A|||||||||||I",
        "PRB|AD|20250101|3^Gout^L||||||20250102",
        "PRB|AD|20250101|4^Asthma^L|||||||||||A^Active",
        "ORC|RE|1|||HD",
        "RXE||5^Metformin^L|500||mg",
      ),
    );
    expect(facts.map(({ text, status }) => [text, status])).toEqual([
      ["Penicillin", "entered_in_error"],
      ["Latex", "inactive"],
      ["Gout", "resolved"],
      ["Asthma", "Active"],
      ["Metformin", "on-hold"],
    ]);
  });

  test("several documents in one observation are a child each", async () => {
    const [one, two] = ["%PDF-1.4 one", "%PDF-1.4 two"].map((each) => Buffer.from(each));
    const value = [one, two].map((each) => `^application^pdf^Base64^${each?.toString("base64")}`).join("~");
    const { children, summary } = await parseBytes(message(`OBX|1|ED|P^PDF||${value}||||||F`));
    expect(children).toMatchObject([
      { path: "segment[1].OBX-5", bytes: one },
      { path: "segment[1].OBX-5[1]", bytes: two },
    ]);
    expect(summary.warnings).toEqual([]);
  });

  test("a result that can't be obtained is said to be so", async () => {
    expect((await parseBytes(message("OBX|1|NM|a^Sodium|||mmol/L|||||X"))).text).toBe("Sodium: [cannot be obtained]");
  });
});
