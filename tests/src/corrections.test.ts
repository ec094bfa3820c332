import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type DocumentStatus, emptyHeader, type Header, type Relation } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// What documents do to one another, taken through the stages by hand.

const model = "by-hand/1/2";
let pipeline: Pipeline;
let scope: Scope;
beforeAll(async () => {
  pipeline = await createPipeline({ IN_FLIGHT_WINDOW: "1000" });
  await pipeline.store.work.registerModel({ id: model, provider: "by-hand", name: "1", dimensions: 2, lexical: true });
});
afterAll(() => pipeline?.destroy());

const number = (value: string) => ({ system: "urn:oid:1.2.3", value });
const relation = (kind: Relation["kind"], value: string): Relation => ({
  kind,
  target: number(value),
  source: "TXA-13",
});
const status = (value: DocumentStatus["value"]): DocumentStatus => ({ value, source: "X" });
const authored = (value: string): Header["dates"] => [{ kind: "authored", value, precision: "day", origin: "TXA-4" }];

/** A document that is accepted, read as having this header, and finished. */
async function arrive(
  text: string,
  header: Partial<Header>,
  options: { children?: string[]; warnings?: string[] } = {},
): Promise<string> {
  const { work } = pipeline.store;
  const { documentId, ingestionId } = await pipeline.submit(scope, text, {}, { enqueue: false });
  const held = { organizationId: scope.organizationId, ingestionId, generation: 1 };
  const [section] = sectionsOf([text]);
  if (section === undefined) throw new Error("no section");
  await take(pipeline, "parse", held, "worker");
  const summary = parsed(1, 1, text.length);
  await work.sealParse(held, "worker", {
    ...summary,
    summary: {
      ...summary.summary,
      header: { ...emptyHeader(), ...header },
      warnings: (options.warnings ?? []).map((code) => ({ code })),
    },
    last: onlySections([section]),
    children: (options.children ?? []).map((path) => ({
      path,
      objectPath: `${scope.organizationId}/${documentId}-${path}`,
      contentHash: path,
      byteLength: 1,
      declaredType: null,
      mediaType: "text/plain",
      fileName: path,
    })),
  });
  await finish(held, text);
  return documentId;
}

async function finish(held: { organizationId: string; ingestionId: string; generation: number }, text: string) {
  const { work } = pipeline.store;
  await take(pipeline, "chunk", held, "worker");
  await work.sealChunks(held, "worker", {
    parts: 1,
    chunks: 1,
    tokens: 1,
    chunkerVersion: "by-hand",
    durationMs: 1,
    last: [
      {
        ordinal: 0,
        sectionOrdinal: 0,
        text,
        sectionTo: 0,
        strategy: "section",
        code: null,
        heading: null,
        bands: null,
        prefix: "",
        tokenCount: 1,
        pageFrom: null,
        pageTo: null,
        spans: [[0, text.length]],
        contentHash: text,
      },
    ],
  });
  const task = await take(pipeline, "embed", held, "worker");
  const chunkId = task.chunks?.[0]?.id ?? "";
  await work.sealEmbed(held, "worker", model, 1, [{ ...held, chunkId, vector: [1, 0] }]);
}

const settle = async () => {
  while ((await pipeline.store.supervision.settleStandings(100)) > 0);
};
async function standing(documentId: string) {
  const document = await pipeline.store.reading.document(scope, documentId);
  return [document.standing, document.standingBy];
}
async function found(query: string, filter: { includeReplaced?: boolean } = {}): Promise<string[]> {
  const answer = await pipeline.store.reading.search(
    scope,
    { query, mode: "keyword", k: 50, filter },
    { vector: null, model, queryHash: "h" },
  );
  if (answer.outcome !== "ok") throw new Error(answer.outcome);
  return answer.hits.map(({ document }) => `${document.id} ${document.standing}`);
}

/** What each document that is found is said to be added to by, and to add to. */
async function linksOf(query: string) {
  const answer = await pipeline.store.reading.search(
    scope,
    { query, mode: "keyword", k: 10, filter: {} },
    { vector: null, model, queryHash: "h" },
  );
  if (answer.outcome !== "ok") throw new Error(answer.outcome);
  return answer.hits.map(({ document: { id, addenda, appendsTo } }) => [
    id,
    addenda.map((each) => [each.id, each.text]),
    appendsTo,
  ]);
}

describe("a document that replaces another", () => {
  it.each([["first"], ["last"]])(
    "hides it from search unless asked for, when the original arrives %s",
    async (when) => {
      scope = await pipeline.organization();
      const original = () => arrive("The larch original.", { identifiers: [number("1")] });
      const replacement = () =>
        arrive("The larch replacement.", { identifiers: [number("2")], relations: [relation("replaces", "1")] });
      const one = when === "first" ? await original() : undefined;
      const two = await replacement();
      const old = one ?? (await original());
      await settle();
      expect(await standing(old)).toEqual(["replaced", two]);
      expect(await standing(two)).toEqual(["current", null]);
      expect(await found("larch")).toEqual([`${two} current`]);
      expect((await found("larch", { includeReplaced: true })).sort()).toEqual(
        [`${two} current`, `${old} replaced`].sort(),
      );
      const events = await pipeline.store.reading.events(scope, old, null, 50);
      expect(events.at(-1)).toMatchObject({ kind: "marked", code: "replaced" });

      // Without the one that replaced it, it stands again.
      await pipeline.store.intake.deleteDocument(scope, two);
      await settle();
      expect(await standing(old)).toEqual(["current", null]);
      expect(await found("larch")).toEqual([`${old} current`]);
    },
  );

  it("takes what was found in the other with it, and lets go of it too", async () => {
    scope = await pipeline.organization();
    const old = await arrive("A report.", { identifiers: [number("1")] }, { children: ["attachment"] });
    const two = await arrive("A later report.", { relations: [relation("replaces", "1")] });
    await settle();
    const { items } = await pipeline.store.reading.documents(scope, { parentId: old }, null, 10);
    expect(items).toMatchObject([{ standing: "replaced", standingBy: two }]);
    await pipeline.store.intake.deleteDocument(scope, two);
    await settle();
    expect((await pipeline.store.reading.documents(scope, { parentId: old }, null, 10)).items).toMatchObject([
      { standing: "current", standingBy: null },
    ]);
  });
});

it("follows a chain, each link by the next", async () => {
  scope = await pipeline.organization();
  const three = await arrive("Third.", { identifiers: [number("3")], relations: [relation("replaces", "2")] });
  const one = await arrive("First.", { identifiers: [number("1")] });
  const two = await arrive("Second.", { identifiers: [number("2")], relations: [relation("replaces", "1")] });
  await settle();
  expect([await standing(one), await standing(two), await standing(three)]).toEqual([
    ["replaced", two],
    ["replaced", three],
    ["current", null],
  ]);
});

it("orders documents of one number by version, then by the time the source states, then by arrival", async () => {
  scope = await pipeline.organization();
  const same = { identifiers: [number("7")], relations: [relation("corrects", "7")] };
  const late = await arrive("Made in March.", { ...same, dates: authored("2024-03-01") });
  const early = await arrive("Made in January.", { identifiers: [number("7")], dates: authored("2024-01-01") });
  await settle();
  expect([await standing(early), await standing(late)]).toEqual([
    ["corrected", late],
    ["current", null],
  ]);
  const versioned = (version: string) => ({
    version,
    identifiers: [number("8")],
    relations: [relation("replaces", "8")],
  });
  const ten = await arrive("Version ten.", versioned("10"));
  const nine = await arrive("Version nine.", versioned("9"));
  await settle();
  expect([await standing(nine), await standing(ten)]).toEqual([
    ["replaced", ten],
    ["current", null],
  ]);
});

it("keeps an appended document in search, and takes the strongest word where there are several", async () => {
  scope = await pipeline.organization();
  const one = await arrive("The aspen report.", { identifiers: [number("1")] });
  const addendum = await arrive("The aspen addendum.", { relations: [relation("appends", "1")] });
  await settle();
  expect(await standing(one)).toEqual(["appended", addendum]);
  // Whichever of the two is found, the other is named; with the text of what adds to it.
  const links = await linksOf("aspen");
  expect(links).toHaveLength(2);
  expect(links).toContainEqual([one, [[addendum, "The aspen addendum."]], []]);
  expect(links).toContainEqual([addendum, [], [one]]);
  expect(await found("aspen")).toHaveLength(2);
  const withdrawal = await arrive("Sent in error.", { relations: [relation("withdraws", "1")] });
  await settle();
  expect(await standing(one)).toEqual(["withdrawn", withdrawal]);
  expect(await found("aspen")).toEqual([`${addendum} current`]);
});

it("takes nothing away that a correction does not speak of, and labels it", async () => {
  scope = await pipeline.organization();
  const three = await arrive("Three hazel reports.", { identifiers: [number("1"), number("2"), number("3")] });
  const one = await arrive("One hazel report anew.", {
    identifiers: [number("2")],
    relations: [relation("corrects", "2")],
  });
  await settle();
  expect(await standing(three)).toEqual(["appended", one]);
  expect(await found("hazel")).toHaveLength(2);
  const all = await arrive("All hazel reports anew.", {
    relations: [relation("corrects", "1"), relation("corrects", "2"), relation("corrects", "3")],
  });
  await settle();
  expect(await standing(three)).toEqual(["corrected", all]);
});

it("does not believe a document about somebody else", async () => {
  scope = await pipeline.organization();
  const of = (value: string): Header["patients"] => [
    { identifiers: [{ authority: "A", value }], names: [], birthDate: null, sex: null },
  ];
  const one = await arrive("Juniper, of one.", { identifiers: [number("1")], patients: of("1") });
  await arrive("Juniper, of two.", { relations: [relation("replaces", "1")], patients: of("2") });
  await arrive("Juniper, of two as well.", { relations: [relation("appends", "1")], patients: of("2") });
  await settle();
  expect(await standing(one)).toEqual(["current", null]);
  expect((await linksOf("juniper")).map(([, ...links]) => links)).toEqual([
    [[], []],
    [[], []],
    [[], []],
  ]);
});

it("believes a document that says of itself that it was in error", async () => {
  scope = await pipeline.organization();
  const own = await arrive("The rowan error.", { status: status("entered_in_error") });
  await settle();
  expect(await standing(own)).toEqual(["withdrawn", null]);
  expect(await found("rowan")).toEqual([]);
});

it("knows no numbers of another organization", async () => {
  scope = await pipeline.organization();
  const mine = await arrive("Mine.", { identifiers: [number("1")] });
  scope = await pipeline.organization();
  await arrive("Theirs.", { relations: [relation("replaces", "1")] });
  await settle();
  const [row] = await pipeline.supabase.query("select standing from sluice.documents where id = $1", [mine]);
  expect(row).toEqual({ standing: "current" });
});

it("sees that a report inside a message is about somebody else", async () => {
  scope = await pipeline.organization();
  const { work, reading } = pipeline.store;
  const person = (value: string, birthDate: string | null = null) => ({
    identifiers: [{ authority: "A", value }],
    names: [],
    birthDate,
    sex: null,
  });
  const parent = await arrive("A message.", { patients: [person("1", "1961")] }, { children: ["same", "other"] });
  const children = await pipeline.supabase.query<{ id: string; path: string }>(
    `select i.id, d.member_path as path from sluice.documents d join sluice.ingestions i on i.document_id = d.id
     where d.parent_id = $1 order by 2`,
    [parent],
  );
  for (const { id, path } of children) {
    const held = { organizationId: scope.organizationId, ingestionId: id, generation: 1 };
    const [section] = sectionsOf([path]);
    const { summary, ...rest } = parsed(1, 1, path.length);
    await take(pipeline, "parse", held, "worker");
    await work.sealParse(held, "worker", {
      ...rest,
      summary: {
        ...summary,
        header: { ...emptyHeader(), patients: [path === "same" ? person("1", "1961-02-03") : person("2")] },
      },
      last: onlySections(section ? [section] : []),
    });
    await finish(held, path);
  }
  const other = children.find(({ path }) => path === "other");
  expect((await reading.reviews(scope, null, 10)).items).toMatchObject([
    { ingestionId: other?.id, code: "identity_conflict" },
  ]);
});

it("puts a document about two people on the list of what to look at, until somebody has", async () => {
  scope = await pipeline.organization();
  const { reading } = pipeline.store;
  const documentId = await arrive("Two people.", {}, { warnings: ["identity_conflict", "page_unreadable"] });
  const { items } = await reading.reviews(scope, null, 10);
  expect(items).toMatchObject([{ documentId, code: "identity_conflict" }]);
  const stranger = await pipeline.organization();
  await expect(reading.settleReview(stranger, items[0]?.id ?? "")).rejects.toMatchObject({ code: "not_found" });
  await reading.settleReview(scope, items[0]?.id ?? "");
  expect((await reading.reviews(scope, null, 10)).items).toEqual([]);
});
