import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

const loinc = 'codeSystem="2.16.840.1.113883.6.1"';
const document = (body: string) =>
  `<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Visit</title><component>${body}</component></ClinicalDocument>`;
const read = (code: string, narrative: string, ...entries: string[]) =>
  parseBytes(
    document(
      `<structuredBody><component><section><code code="${code}" ${loinc}/><text>${narrative}</text>${entries
        .map((each) => `<entry>${each}</entry>`)
        .join("")}</section></component></structuredBody>`,
    ),
  );
const result = (name: string, value: string, unit = "g/dL", inner = "") =>
  `<observation moodCode="EVN"><code displayName="${name}"/><text>${inner}</text><statusCode code="completed"/><effectiveTime value="20250102"/><value value="${value}" unit="${unit}"/></observation>`;
const body = (text: string) => parseBytes(document(`<nonXMLBody>${text}</nonXMLBody>`));

describe("what entries of C-CDA say beside the narrative", () => {
  test("is said where the narrative says less, and is the evidence", async () => {
    const { text, facts } = await read(
      "30954-2",
      "Results: Hemoglobin 13.5 g/dL. Sodium measured. Potassium was <content ID='k'>4.1</content>.",
      result("Hemoglobin", "13.5"),
      result("Sodium", "141", "mmol/L"),
      result("Potassium [Moles/volume]", "4.1", "mmol/L", "<reference value='#k'/>"),
      result("Glucose", "99", "mg/dL"),
    );
    expect(text.split("\n").slice(2)).toEqual([
      "Results: Hemoglobin 13.5 g/dL. Sodium measured. Potassium was 4.1.",
      "Sodium: 141 mmol/L, 2025-01-02",
      "Glucose: 99 mg/dL, 2025-01-02",
    ]);
    expect(facts.map(({ evidence }) => text.slice(evidence?.start, evidence?.end))).toEqual([
      "Results: Hemoglobin 13.5 g/dL. Sodium measured. Potassium was 4.1.",
      "Sodium: 141 mmol/L, 2025-01-02",
      "4.1",
      "Glucose: 99 mg/dL, 2025-01-02",
    ]);
  });

  test("is never said without what denies it", async () => {
    const problem = (attributes: string, inner = "") =>
      `<observation moodCode="EVN" ${attributes}>${inner}<value displayName="Diabetes"/></observation>`;
    expect((await read("11450-4", "See chart.", problem('negationInd="true"'))).text).toContain("Diabetes [negated]");
    const smoking = '<observation moodCode="EVN" negationInd="true"><value displayName="Smoker"/></observation>';
    expect((await read("29762-2", "See chart.", smoking)).text).toContain("[negated] Smoker");
    expect((await read("29762-2", "", smoking)).text).toContain("[negated] Smoker");
    const goal =
      '<observation moodCode="GOL"><code displayName="Body weight"/><value value="70" unit="kg"/></observation>';
    expect((await read("18776-5", "See chart.", goal)).text).toContain("[goal] Body weight, 70 kg");
  });

  test("is said of an entry of any kind, unless the narrative says what it comes down to", async () => {
    const function_ = (value: string) =>
      `<observation moodCode="EVN"><code displayName="Cognitive function"/><value displayName="${value}"/><performer><addr>US</addr></performer></observation>`;
    const { text } = await read(
      "47420-5",
      "Cognitive function: intact. Lives in US",
      function_("Intact"),
      function_("Aggressive"),
    );
    expect(text).toBe("Visit\n\nCognitive function: intact. Lives in US\nCognitive function, Aggressive, US");
  });

  test("was a mistake with all that is in it, whatever its parts say", async () => {
    const organizer = `<organizer moodCode="EVN"><statusCode code="nullified"/><component>${result("Sodium", "141")}</component></organizer>`;
    const { facts, text } = await read("30954-2", "See chart.", organizer);
    expect(facts).toMatchObject([{ text: "Sodium", status: "entered_in_error" }]);
    expect(text).toContain("Sodium: 141 g/dL [entered in error]");
    const denied =
      '<observation moodCode="EVN" negationInd="true"><statusCode code="nullified"/><value displayName="Gout"/></observation>';
    expect((await read("11450-4", "See chart.", denied)).facts).toMatchObject([{ status: "entered_in_error" }]);
  });

  test("names whom a section is about, if that is somebody else", async () => {
    const { text } = await parseBytes(
      document(
        '<structuredBody><component><section><title>Birth</title><text>Well.</text><subject><relatedSubject><code displayName="Child"/></relatedSubject></subject></section></component></structuredBody>',
      ),
    );
    expect(text).toBe("Visit\n\nBirth\nSubject: Child\nWell.");
  });

  test("is not said again of what the narrative tells in its author's words", async () => {
    const smoking =
      '<observation moodCode="EVN"><text><reference value="#s"/></text><value displayName="Ex-smoker"/></observation>';
    const { text } = await read("29762-2", '<content ID="s">Gave up in 2001</content>', smoking);
    expect(text).toBe("Visit\n\nGave up in 2001");
  });

  test("that there is none is said, and no fact", async () => {
    const none = '<observation moodCode="EVN"><value code="716186003" displayName="No known allergy"/></observation>';
    const { text, facts } = await read("48765-2", "See chart.", none);
    expect([text, facts]).toEqual(["Visit\n\nSee chart.\nNo known allergy", []]);
  });

  test("a drug that was supplied is a medication, equipment is none", async () => {
    const supply = (what: string, name: string, template = "") =>
      `<supply moodCode="EVN">${template}<statusCode code="completed"/><${what}><manufacturedProduct><manufacturedMaterial><code displayName="${name}"/></manufacturedMaterial></manufacturedProduct></${what}></supply>`;
    const dispense = '<templateId root="2.16.840.1.113883.10.20.22.4.18"/>';
    const drug = await read("10160-0", "x", supply("product", "Metformin"), supply("product", "Aspirin", dispense));
    expect(drug.facts).toMatchObject([
      { kind: "medication", text: "Metformin" },
      { kind: "medication", text: "Aspirin" },
    ]);
    const device = await read("46264-8", "x", supply("product", "Wheelchair"));
    expect([device.facts, device.text]).toEqual([[], "Visit\n\nx\nWheelchair"]);
  });
});

describe("what was struck out in a narrative", () => {
  test.each([
    ['<content styleCode="Strikethrough">Aspirin</content> Heparin', "~~Aspirin~~ Heparin"],
    ['Take<content revised="delete"> Aspirin</content> Heparin', "Take ~~Aspirin~~ Heparin"],
    [
      '<content styleCode="Bold xStrike"><content revised="delete">Aspirin</content> daily</content>',
      "~~Aspirin daily~~",
    ],
    ['<list styleCode="Strikethrough"><item>Aspirin</item><item/></list>', "- ~~Aspirin~~"],
    [
      '<table><tr styleCode="strikethrough"><td>Aspirin</td><td/><td>5 mg</td></tr><tr><td>Heparin</td></tr></table>',
      "~~Aspirin~~ | ~~5 mg~~\nHeparin",
    ],
  ])("is marked: %s", async (narrative, text) => {
    expect(
      (await read("10160-0", narrative)).text
        .split("\n\n")
        .at(-1)
        ?.replace(/ \| {2}\| /g, " | "),
    ).toBe(text);
  });
});

describe("an unstructured body of C-CDA", () => {
  const pdf = Buffer.from(`%PDF-1.4 ${"report ".repeat(20)}`);

  test.each([[""], ['mediaType="application/pdf"'], ['mediaType="text/plain"']])(
    "in base64 that does not say so, %j, is a child",
    async (attributes) => {
      const { children } = await body(`<text ${attributes}>${pdf.toString("base64")}</text>`);
      expect(children).toMatchObject([{ path: "nonXMLBody", bytes: pdf }]);
    },
  );

  test("of words alone is text, whatever they could be decoded to", async () => {
    expect((await body(`<text>${"Normal".repeat(20)}</text>`)).text).toBe(`Visit\n\n${"Normal".repeat(20)}`);
  });

  test("may be markup written in place", async () => {
    const { text, summary } = await body(
      '<text mediaType="text/html">Seen <html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body><h1>Plan</h1><p>Rest &amp; fluids</p></body></html></text>',
    );
    expect(text).toBe("Visit\n\nSeen\n\nPlan\n\nRest & fluids");
    expect(summary.warnings).toEqual([]);
  });
});
