import { describe, expect, it } from "@jest/globals";
import { type Code, sectionSeparator, withPrefix } from "@sluice/contracts";
import type { Chunk } from "@sluice/store";
import fc from "fast-check";
import { type CuttingOptions, createCutting } from "./cutting.js";
import type { DocumentContext, Source } from "./source.js";
import { strategyNames } from "./strategies/index.js";
import { createMeasure } from "./tokens.js";

const context: DocumentContext = {
  format: "text",
  mediaType: "text/plain",
  title: null,
  type: null,
  identities: [],
  patientKeys: [],
};
const measureOf = (maxTokens: number) => createMeasure({ maxTokens, model: "text-embedding-3-small", isLocal: false });

interface Given extends Partial<Source> {
  text: string;
}
/** Sections of these texts as they stand in a display text that begins at an offset. */
function place(given: Given[], first = 0): Source[] {
  let start = first;
  return given.map((section, ordinal) => {
    const placed = { ordinal, level: 1, title: null, code: null, pageFrom: null, pageTo: null, ...section, start };
    start += section.text.length + sectionSeparator.length;
    return placed;
  });
}

async function chunksOf(
  sections: Source[],
  options: Partial<CuttingOptions> & { maxTokens?: number } = {},
  about: Partial<DocumentContext> = {},
): Promise<Chunk[]> {
  const measure = measureOf(options.maxTokens ?? 100);
  const cutting = createCutting({ measure, minTokens: 16, strategy: "section", byType: new Map(), ...options });
  const cutter = cutting.cutter({ ...context, ...about });
  const chunks: Chunk[] = [];
  for (const section of sections) chunks.push(...(await cutter.add(section)));
  return [...chunks, ...cutter.end()];
}
const loinc = (code: string) => expect.objectContaining({ system: "http://loinc.org", code });

/** Text as notes have it: words, headings, lists, columns, odd signs, long runs, characters outside the basic plane. */
const noteText = fc
  .array(
    fc.oneof(
      fc.lorem({ mode: "sentences" }),
      fc.constantFrom(
        "\n\n",
        "\n",
        "\nPLAN\n",
        "\nHPI: cough",
        "\n1. HTN",
        "q.d.",
        "\n- ",
        "a | b | 3\n",
        "\nNa   140   mmol",
      ),
      fc.constantFrom("<|endoftext|>", "🩺", "…", "=".repeat(300), "ﷺ", "\t", "👨‍👩‍👧".repeat(40)),
      fc.string({ unit: "grapheme" }),
    ),
    { minLength: 1, maxLength: 50 },
  )
  .map((parts) => parts.join(" ").toWellFormed())
  .filter((text) => text.trim() !== "");
const documents = fc.array(
  fc.record({
    text: noteText,
    title: fc.option(fc.constantFrom("Assessment", "Progress note", "x".repeat(900))),
    pageFrom: fc.constantFrom(1, 2),
  }),
  { minLength: 1, maxLength: 5 },
);

describe.each(strategyNames)("cutting by %s", (strategy) => {
  it("gives spans whose text is the chunk's, in order, within the limit with its prefix, and leaves out nothing but white space", async () => {
    const measure = measureOf(40);
    await fc.assert(
      fc.asyncProperty(documents, fc.nat(1_000), async (given, start) => {
        const sections = place(
          given.map((section) => ({ ...section, pageTo: section.pageFrom })),
          start,
        );
        const display = " ".repeat(start) + given.map(({ text }) => text).join(sectionSeparator);
        let [last, rest] = [start, display];
        for (const [ordinal, chunk] of (await chunksOf(sections, { maxTokens: 40, strategy })).entries()) {
          expect(chunk.ordinal).toBe(ordinal);
          expect(chunk.spans.map(([from, to]) => display.slice(from, to)).join("")).toBe(chunk.text);
          expect(chunk.text.isWellFormed()).toBe(true);
          // What is one character to look at and many in compatibility form may not fit by itself.
          if (Array.from(chunk.text).length > 1)
            expect(measure.size(withPrefix(chunk.prefix, chunk.text))).toBeLessThanOrEqual(40);
          expect(chunk.tokenCount).toBe(measure.tokens(withPrefix(chunk.prefix, chunk.text)));
          for (const [from, to] of chunk.spans) {
            expect(from).toBeGreaterThanOrEqual(last);
            last = to;
            rest = rest.slice(0, from) + " ".repeat(to - from) + rest.slice(to);
          }
        }
        expect(rest.trim()).toBe("");
      }),
      { numRuns: 60 },
    );
  });
});

describe("cutting by section", () => {
  it("keeps a short section whole, with its title beside it", async () => {
    const [chunk, ...rest] = await chunksOf(
      place([{ text: "Stable angina. Continue aspirin.", title: "Cardiology", pageFrom: 2, pageTo: 2 }], 40),
    );
    expect(rest).toEqual([]);
    expect(chunk).toMatchObject({
      ordinal: 0,
      prefix: "Cardiology",
      spans: [[40, 72]],
      pageFrom: 2,
      pageTo: 2,
      code: null,
    });
  });

  it("joins short siblings, and only those of one kind", async () => {
    const goals: Code = { system: "http://loinc.org", code: "61146-7" };
    const chunks = await chunksOf(
      place([
        { text: "Sleeps well.", title: "Sleep" },
        { text: "Walks daily.", title: "Exercise" },
        { text: "HbA1c below 53.", code: goals },
        { text: "Reads.", title: "Leisure" },
        { text: "Deeper.", title: "Sub", level: 2 },
      ]),
    );
    expect(chunks.map(({ text, sectionOrdinal, sectionTo }) => [text, sectionOrdinal, sectionTo])).toEqual([
      ["Sleeps well.\n\nWalks daily.", 0, 1],
      ["HbA1c below 53.", 2, 2],
      ["Reads.", 3, 3],
      ["Deeper.", 4, 4],
    ]);
    expect(chunks[0]?.prefix).toBe("Sleep / Exercise");
  });

  it("finds the sections of a free-text note and gives them LOINC's codes", async () => {
    const text = `EMERGENCY DEPARTMENT NOTE
Patient: Somebody    Seen: 22:40

HPI: 41-year-old man stung by a wasp.
No previous reaction.

Vitals     BP 84/50    HR 128

PAST MEDICAL HISTORY
None.
Plan:
Observe for twelve hours.`;
    const chunks = await chunksOf(place([{ text }]));
    expect(
      chunks.map(({ code, heading, text }) => [code?.code ?? null, heading?.title ?? null, text.split("\n")[0]]),
    ).toEqual([
      [null, "EMERGENCY DEPARTMENT NOTE", "EMERGENCY DEPARTMENT NOTE"],
      ["10164-2", "HPI", "HPI: 41-year-old man stung by a wasp."],
      ["8716-3", "Vitals", "Vitals     BP 84/50    HR 128"],
      ["11348-0", "PAST MEDICAL HISTORY", "PAST MEDICAL HISTORY"],
      ["18776-5", "Plan", "Plan:"],
    ]);
  });

  it("gives nothing the code of what an unknown heading has ended, nor letters a meaning that they have in SOAP notes only", async () => {
    const codes = async (text: string) => (await chunksOf(place([{ text }]))).map(({ code }) => code?.code ?? null);
    expect(await codes("DISPOSITION: Home.\nFOLLOW-UP: in two weeks.")).toEqual(["8650-4", null]);
    expect(await codes("Medications:\naspirin\nSocial situation:\nLives alone.")).toEqual(["10160-0", null]);
    expect(await codes("Exam:\nHeart:\nRegular.")).toEqual(["29545-1"]);
    expect(await codes("A/P: stable\nICU STAY\nNone.")).toEqual(["51847-2", null]);
    expect(await codes("P: 72  BP: 120/80")).toEqual([null]);
    expect(await codes("S: well\nO: BP 120/80\nA: stable\nP: continue")).toEqual([
      "61150-9",
      "61149-1",
      "51848-0",
      "18776-5",
    ]);
  });

  it("goes on under a heading over the end of a page, until a section has a title of its own", async () => {
    const chunks = await chunksOf(
      place([
        { text: "Medications:\naspirin 81 mg q.d.", pageFrom: 1, pageTo: 1 },
        { text: "metformin 500 mg b.i.d.", pageFrom: 2, pageTo: 2 },
        { text: "Well.", title: "Summary", pageFrom: 2, pageTo: 2 },
      ]),
    );
    expect(chunks.map(({ code, prefix }) => [code?.code ?? null, prefix])).toEqual([
      ["10160-0", ""],
      ["10160-0", "Medications"],
      [null, "Summary"],
    ]);
  });

  it("takes an impression for a radiologist's in a report of imaging only", async () => {
    const impression = place([{ text: "IMPRESSION: No embolism." }]);
    expect((await chunksOf(impression, {}, { title: "CT chest" }))[0]?.code).toEqual(loinc("19005-8"));
    expect((await chunksOf(impression))[0]?.code).toEqual(loinc("51848-0"));
  });

  it("cuts an assessment and plan by problem, and repeats the problem where one goes on", async () => {
    const detail = "Continue the present regimen and review the response at each visit with the patient. ".repeat(8);
    const text = `Assessment and Plan:\n#1 Hypertension: above target. ${detail}\n#2 CKD stage 3: stable. Avoid NSAIDs and recheck creatinine in three months.\n#3 Gout: no flare on allopurinol 300 mg q.d.`;
    const chunks = await chunksOf(place([{ text }]), { maxTokens: 80 });
    expect(chunks.every(({ code }) => code?.code === "51847-2")).toBe(true);
    const goesOn = chunks.filter(({ text }) => /^Continue/.test(text));
    expect(goesOn.length).toBeGreaterThan(0);
    for (const { prefix } of goesOn) expect(prefix).toContain("Hypertension");
    for (const problem of ["#2 CKD", "#3 Gout"]) expect(chunks.some(({ text }) => text.startsWith(problem))).toBe(true);
  });

  it("ends no chunk within a line of a list, nor behind an abbreviation", async () => {
    const items = Array.from(
      { length: 60 },
      (_, i) => `- Drug${i} 2.5 mg tablet, one p.o. b.i.d. Take with food vs. without, see Dr. Lee at St. Mary's`,
    );
    for (const { text } of await chunksOf(place([{ text: `MEDICATIONS\n${items.join("\n")}` }]))) {
      for (const line of text.split("\n").slice(1)) expect(items).toContain(line);
    }
    const sentences = "Seen by Dr. Smith at 8.30 a.m. Metoprolol 25 mg q.d. Continued as before by J. Smith. ";
    for (const { text } of await chunksOf(place([{ text: sentences.repeat(40) }]))) expect(text).toMatch(/Smith\.$/);
  });

  it("repeats the headings of a table, found or in columns, and cuts no row", async () => {
    const rows = Array.from({ length: 80 }, (_, i) => `Sodium${i}   ${130 + i}   mmol/l   133-146`);
    const chunks = await chunksOf(place([{ text: `Test   Value   Unit   Range\n${rows.join("\n")}`, title: "Lab" }]));
    expect(chunks.length).toBeGreaterThan(5);
    for (const { prefix } of chunks.slice(1)) expect(prefix).toBe("Lab\nTest Value Unit Range");
    expect(chunks.flatMap(({ text }) => text.split("\n")).slice(1)).toEqual(rows);
  });

  it("repeats neither identity nor date", async () => {
    const long = "Mood has lifted on sertraline and she sleeps well. ".repeat(20);
    const about = {
      title: "Psychiatric follow-up, 12 March 2025: Zoe Marchetti",
      identities: ["Marchetti, Zoe", "4711"],
    };
    const titles = [
      "Visit of 12 March 2025",
      "Zoe's history",
      "Letter about Marchetti",
      "MRN 4711",
      "Patient: somebody",
    ];
    const chunks = await chunksOf(place(titles.map((title) => ({ title, text: long }))), {}, about);
    expect(new Set(chunks.map(({ prefix }) => prefix))).toEqual(
      new Set(["psychiatric follow-up / Visit of", "psychiatric follow-up / Zoe's history", "psychiatric follow-up"]),
    );
  });
});

it("cuts tables by themselves where that is the strategy, in groups of whole rows", async () => {
  const rows = ["Name | Dose", ...Array.from({ length: 40 }, (_, i) => `Drug${i} | ${i} mg, taken with; water`)];
  const text = `What was prescribed before the operation.\n${rows.join("\n")}\nAfter the table.`;
  let at = text.indexOf(rows[0] ?? "");
  const places = rows.map((row): [number, number] => {
    const range: [number, number] = [at, at + row.length];
    at += row.length + 1;
    return range;
  });
  const chunks = await chunksOf(place([{ text, tables: [{ title: null, headerRows: 1, rows: places }] }]), {
    strategy: "table",
    maxTokens: 60,
  });
  expect(chunks[0]?.text).toBe("What was prescribed before the operation.");
  expect(chunks.at(-1)?.text).toBe("After the table.");
  expect(chunks.slice(1, -1).flatMap(({ text }) => text.split("\n"))).toEqual(rows);
  for (const { prefix } of chunks.slice(2, -1)) expect(prefix).toBe("Name / Dose".replace("/", "|"));
});

it("cuts by page where pages are known", async () => {
  const text = "First page says this.\nSecond page says that.";
  const pages: [number, number, number][] = [
    [1, 0, 21],
    [2, 22, 44],
  ];
  const sections = place([
    { text, pageFrom: 1, pageTo: 2, pages },
    { text: "Still the second.", pageFrom: 2, pageTo: 2 },
  ]);
  const chunks = await chunksOf(sections, { strategy: "page" });
  expect(chunks.map(({ text, pageFrom, pageTo }) => [text, pageFrom, pageTo])).toEqual([
    ["First page says this.", 1, 1],
    ["Second page says that.\n\nStill the second.", 2, 2],
  ]);
});

it("takes the strategy of a document's type, format or media type before the usual one", async () => {
  const byType = new Map([
    ["csv", "table"],
    ["11488-4", "page"],
  ] as const);
  const one = async (about: Partial<DocumentContext>) =>
    (await chunksOf(place([{ text: "x" }]), { byType }, about))[0]?.strategy;
  expect(await one({})).toBe("section");
  expect(await one({ format: "csv" })).toBe("table");
  expect(await one({ format: "csv", type: { system: "http://loinc.org", code: "11488-4" } })).toBe("page");
});

it("sketches texts so that those that say nearly the same of one patient share most bands, and others none", async () => {
  const note =
    "Continue metoprolol 25 mg twice daily, recheck renal function in two weeks and call with any dizziness or falls at home. ";
  const bands = async (text: string, patientKeys = ["a|1"]) =>
    (await chunksOf(place([{ text }]), {}, { patientKeys }))[0]?.bands ?? [];
  const first = await bands(`${note}${note.replace("renal", "liver")}Seen today.`);
  const shared = (other: number[]) => other.filter((band) => first.includes(band)).length;
  expect(first).toHaveLength(16);
  expect(shared(await bands(`${note}${note.replace("renal", "liver")}Seen on Monday.`))).toBeGreaterThanOrEqual(7);
  expect(
    shared(await bands("Chest X-ray shows small bilateral effusions and no consolidation, heart size normal.")),
  ).toBe(0);
  expect(shared(await bands(`${note}${note.replace("renal", "liver")}Seen today.`, ["a|2"]))).toBe(0);
  expect(await bands(note, [])).toEqual([]);
});
