import type { Entry } from "./client.js";
import type { Row, Snapshot } from "./snapshot.js";

export interface Verdict {
  vectorized: number;
  failedByCode: Record<string, number>;
  lost: string[];
  duplicated: string[];
  wrong: string[];
}

const nameOf = (row: Pick<Row, "key" | "revision">) => `${row.key} r${row.revision}`;
const finals = new Set(["vectorized", "failed", "cancelled", "deleted"]);

/** In what an ingestion differs from the same one of the undisturbed run. */
function differences(row: Row, expected: Row): string[] {
  const simple = (["status", "code", "isActive", "contentHash", "chunks", "tokens"] as const).filter(
    (field) => row[field] !== expected[field],
  );
  const derived = Object.keys(expected.digests).filter((name) => row.digests[name] !== expected.digests[name]);
  return [...simple, ...derived];
}

/** Holds the client's list against the database, and the database against the undisturbed run. */
export function judge(options: {
  journal: Entry[];
  snapshot: Snapshot;
  /** Missing for the undisturbed run itself. */
  undisturbed?: Snapshot;
  /** What documents must fail with, by key; the others must not fail. */
  mustFail: Map<string, string>;
  /** Documents that the drill itself cancelled and sent again, or that the undisturbed run has not seen: judged by the drill. */
  apart: (key: string) => boolean;
}): Verdict {
  const { journal, snapshot, undisturbed, mustFail, apart } = options;
  const [lost, duplicated, wrong] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const byIngestion = new Map(snapshot.rows.map((row) => [row.ingestionId, row]));
  const documentOf = new Map<string, string>();
  for (const { key, id, ingestionId } of journal) {
    const row = byIngestion.get(ingestionId);
    if (row === undefined || row.key !== key || !finals.has(row.status)) lost.add(key);
    if ((documentOf.get(key) ?? id) !== id) duplicated.add(`${key}: two documents`);
    documentOf.set(key, id);
  }

  const rows = new Map(snapshot.rows.map((row) => [nameOf(row), row]));
  for (const row of snapshot.rows) {
    if (row.vectorized > 1) duplicated.add(`${nameOf(row)}: vectorized ${row.vectorized} times`);
    if (row.key.includes(" #") || apart(row.key)) continue;
    if (!documentOf.has(row.key)) duplicated.add(`${nameOf(row)}: never answered 202`);
    if ((row.status === "failed" ? row.code : undefined) !== mustFail.get(row.key))
      wrong.add(`${nameOf(row)}: ${row.status} ${row.code ?? ""}`);
  }
  if (undisturbed !== undefined) {
    const expected = new Map(undisturbed.rows.map((row) => [nameOf(row), row]));
    for (const [name, row] of rows)
      if (!expected.has(name) && !apart(row.key)) duplicated.add(`${name}: not in the undisturbed run`);
    for (const [name, row] of expected) {
      if (apart(row.key)) continue;
      const ours = rows.get(name);
      if (ours === undefined) {
        lost.add(name);
        continue;
      }
      const off = differences(ours, row);
      if (off.length > 0) wrong.add(`${name}: ${off.join(" ")} (${ours.status} ${ours.code ?? ""})`);
    }
  }
  if (snapshot.unsealed > 0) wrong.add(`${snapshot.unsealed} parts of no sealed generation`);
  if (snapshot.orphanedVectors > 0) wrong.add(`${snapshot.orphanedVectors} vectors of no sealed generation`);

  const failedByCode: Record<string, number> = {};
  for (const { status, code } of snapshot.rows)
    if (status === "failed") failedByCode[code ?? ""] = (failedByCode[code ?? ""] ?? 0) + 1;
  return {
    vectorized: snapshot.rows.filter(({ status }) => status === "vectorized").length,
    failedByCode,
    lost: [...lost],
    duplicated: [...duplicated],
    wrong: [...wrong],
  };
}
