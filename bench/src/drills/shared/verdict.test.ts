import { expect, it } from "@jest/globals";
import type { Entry } from "./client.js";
import type { Row, Snapshot } from "./snapshot.js";
import { judge } from "./verdict.js";

const row = (key: string, more: Partial<Row> = {}): Row => ({
  key,
  revision: 1,
  status: "vectorized",
  code: null,
  isActive: true,
  ingestionId: `ingestion of ${key}`,
  objectPath: key,
  contentHash: "hash",
  vectorized: 1,
  chunks: 2,
  tokens: 20,
  digests: { chunks: "a", vectors: "b" },
  ...more,
});
const snapshot = (rows: Row[], more: Partial<Snapshot> = {}): Snapshot => ({
  rows,
  usage: { inputs: 2, tokens: 20, saved: 0 },
  unsealed: 0,
  orphanedVectors: 0,
  ...more,
});
const entry = (key: string): Entry => ({ key, id: `document ${key}`, ingestionId: `ingestion of ${key}`, revision: 1 });
const good = [
  row("a"),
  row("a #1 child", { ingestionId: "child" }),
  row("b", { status: "failed", code: "document_corrupt" }),
];

function judged(rows: Row[], options: { journal?: Entry[]; more?: Partial<Snapshot>; apart?: string } = {}) {
  const { lost, duplicated, wrong } = judge({
    journal: options.journal ?? [entry("a"), entry("b")],
    snapshot: snapshot(rows, options.more),
    undisturbed: snapshot(good),
    mustFail: new Map([["b", "document_corrupt"]]),
    apart: (key) => key === options.apart,
  });
  return [lost.length, duplicated.length, wrong.length];
}
const changed = (index: number, change: Partial<Row>) =>
  good.map((each, i) => (i === index ? { ...each, ...change } : each));

it("finds nothing where all is as in the undisturbed run", () => {
  expect(judged(good)).toEqual([0, 0, 0]);
});

it.each([
  ["an accepted document that is not there", good.slice(0, 2), { journal: [entry("a"), entry("b")] }, [2, 0, 0]],
  ["one that never ended", changed(0, { status: "chunked", vectorized: 0 }), {}, [1, 0, 1]],
  ["a child that is not there", [good[0], good[2]] as Row[], {}, [1, 0, 0]],
  ["a document made searchable twice", changed(0, { vectorized: 2 }), {}, [0, 1, 0]],
  ["a child too many", [...good, row("a #1 other", { ingestionId: "other" })], {}, [0, 1, 0]],
  ["a revision too many", [...good, row("a", { revision: 2, ingestionId: "second" })], {}, [0, 1, 0]],
  [
    "two documents for the same bytes",
    good,
    { journal: [entry("a"), entry("b"), { ...entry("a"), id: "another" }] },
    [0, 1, 0],
  ],
  ["other vectors", changed(0, { digests: { chunks: "a", vectors: "c" } }), {}, [0, 0, 1]],
  [
    "a document that failed and should not have",
    changed(0, { status: "failed", code: "limit_time", vectorized: 0 }),
    {},
    [0, 0, 2],
  ],
  ["another code than it must fail with", changed(2, { code: "internal_error" }), {}, [0, 0, 2]],
  ["a revision that readers don't see", changed(1, { isActive: false }), {}, [0, 0, 1]],
  ["unsealed output that was left", good, { more: { unsealed: 1 } }, [0, 0, 1]],
  ["vectors of a generation that is dead", good, { more: { orphanedVectors: 3 } }, [0, 0, 1]],
] as [string, Row[], Parameters<typeof judged>[1], number[]][])("finds %s", (_, rows, options, expected) => {
  expect(judged(rows, options)).toEqual(expected);
});

it("leaves alone what the drill judges itself, but not that it was answered and is gone", () => {
  const journal = [entry("a"), entry("b"), entry("c")];
  expect(judged([...good, row("c")], { journal, apart: "c" })).toEqual([0, 0, 0]);
  expect(judged(good, { journal, apart: "c" })).toEqual([1, 0, 0]);
});
