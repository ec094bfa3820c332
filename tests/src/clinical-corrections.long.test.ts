import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// What messages and documents do to those before them, through the services as they run.

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await createPipeline();
  await pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(() => pipeline?.destroy());

const oru = (at: string, filler: string, stage: string, result: string, status = stage) =>
  [
    `MSH|^~\\&|LAB|NORTH|EHR|NORTH|${at}||ORU^R01|${at}|P|2.5`,
    "PID|1||77^^^NORTH^MR||Lee^Ann||19500102|F",
    `OBR|1|P1|${filler}^LAB|2823-3^Potassium^LN|||${at}|||||||||||||||${at}|||${stage}`,
    `OBX|1|NM|2823-3^Potassium^LN||${result}|mmol/L|3.5-5.0||||${status}`,
    "NTE|1||Specimen taken at the larch ward",
  ].join("\r");

const mdm = (event: string, at: string, number: string, parent: string, words: string) =>
  [
    `MSH|^~\\&|DICT|NORTH|EHR|NORTH|${at}||MDM^${event}|${at}|P|2.5`,
    "PID|1||77^^^NORTH^MR||Lee^Ann||19500102|F",
    `TXA|1|CN|TX|${at}||${at}||||||${number}^DICT|${parent}|||||LA`,
    `OBX|1|TX|11488-4^Consult note^LN||Seen at the larch ward. ${words}`,
  ].join("\r");

const cda = (id: string, version: string, words: string, related = "") =>
  `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="${id}"/><effectiveTime value="2025010${version}"/>
  <setId root="1.2.3" extension="S"/><versionNumber value="${version}"/>${related}<component><structuredBody><component><section>
  <title>Course</title><text>Stayed at the larch ward. ${words}</text></section></component></structuredBody></component></ClinicalDocument>`;

const reference = (id: string, words: string, more: object = {}) =>
  JSON.stringify({
    resourceType: "DocumentReference",
    id,
    status: "current",
    subject: { reference: "Patient/7" },
    masterIdentifier: { system: "urn:oid:1.2.3.4", value: id },
    text: { status: "generated", div: `<div>A letter to the larch ward. ${words}</div>` },
    ...more,
  });

interface Case {
  what: string;
  mediaType: string;
  earlier: string;
  later: string;
  /** What readers are shown in the end. */
  shown: "later" | "neither";
}

const cases: Case[] = [
  {
    what: "a corrected result",
    mediaType: "application/hl7-v2",
    earlier: oru("20250102080000", "F1", "F", "7.1"),
    later: oru("20250102100000", "F1", "C", "4.1"),
    shown: "later",
  },
  {
    what: "a result that was another patient's",
    mediaType: "application/hl7-v2",
    earlier: oru("20250102080000", "F1", "F", "7.1"),
    later: oru("20250102100000", "F1", "C", "7.1", "W"),
    shown: "neither",
  },
  {
    what: "an edited note",
    mediaType: "application/hl7-v2",
    earlier: mdm("T02", "20250102080000", "D1", "", "Left knee."),
    later: mdm("T08", "20250102100000", "D1", "", "Right knee."),
    shown: "later",
  },
  {
    what: "a note that replaces another",
    mediaType: "application/hl7-v2",
    earlier: mdm("T02", "20250102080000", "D1", "", "Left knee."),
    later: mdm("T10", "20250102100000", "D2", "D1^DICT", "Right knee."),
    shown: "later",
  },
  {
    what: "a note that is cancelled",
    mediaType: "application/hl7-v2",
    earlier: mdm("T02", "20250102080000", "D1", "", "Left knee."),
    later: mdm("T11", "20250102100000", "D1", "", "Void."),
    shown: "neither",
  },
  {
    what: "the next version of a summary",
    mediaType: "application/cda+xml",
    earlier: cda("A", "1", "Left knee."),
    later: cda("B", "2", "Right knee."),
    shown: "later",
  },
  {
    what: "a summary that names what it replaces",
    mediaType: "application/cda+xml",
    earlier: cda("A", "1", "Left knee.").replace(/<setId.*\/>/, ""),
    later: cda(
      "B",
      "1",
      "Right knee.",
      '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3" extension="A"/></parentDocument></relatedDocument>',
    ).replace(/<setId[^>]*>/, ""),
    shown: "later",
  },
  {
    what: "a letter that replaces another",
    mediaType: "application/fhir+json",
    earlier: reference("1", "Left knee."),
    later: reference("2", "Right knee.", {
      relatesTo: [{ code: "replaces", target: { reference: "DocumentReference/1" } }],
    }),
    shown: "later",
  },
];

async function found(scope: Scope): Promise<string[]> {
  const answer = await pipeline.store.reading.search(
    scope,
    { query: "larch ward", mode: "keyword", k: 20, filter: {} },
    { vector: null, model: "local/lexical-v1/384", queryHash: "h" },
  );
  if (answer.outcome !== "ok") throw new Error(answer.outcome);
  return [...new Set(answer.hits.map(({ document }) => document.id))].sort();
}

describe("search shows only what stands", () => {
  for (const { what, mediaType, earlier, later, shown } of cases) {
    it.each([
      ["after", [earlier, later]],
      ["before", [later, earlier]],
    ])(`for ${what}, which arrives %s what it is about`, async (_when, order) => {
      const scope = await pipeline.organization();
      const bystander = await pipeline.submit(scope, "Somebody else at the larch ward.");
      const ids = new Map<string, string>();
      for (const bytes of order) {
        const { documentId } = await pipeline.submit(scope, bytes, { mediaType, fileName: "report" });
        ids.set(bytes, documentId);
        await pipeline.drain(scope);
      }
      const expected = [bystander.documentId, ...(shown === "later" ? [ids.get(later) ?? ""] : [])].sort();
      await until(async () => JSON.stringify(await found(scope)) === JSON.stringify(expected));
      const old = await pipeline.store.reading.document(scope, ids.get(earlier) ?? "");
      expect(old.status).toBe("vectorized");
      expect(old.standingBy).toBe(ids.get(later));
    });
  }

  it("for what a report adds, the report and the addendum", async () => {
    const scope = await pipeline.organization();
    const ids: string[] = [];
    for (const bytes of [
      mdm("T06", "20250102100000", "D2", "D1^DICT", "Addendum."),
      mdm("T02", "20250102080000", "D1", "", "Left knee."),
    ]) {
      ids.push((await pipeline.submit(scope, bytes, { mediaType: "application/hl7-v2" })).documentId);
    }
    await pipeline.drain(scope);
    await until(async () => (await pipeline.store.reading.document(scope, ids[1] ?? "")).standing === "appended");
    expect(await found(scope)).toEqual([...ids].sort());
  });
});
