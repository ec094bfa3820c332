import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import type { Pipeline } from "./pipeline.js";

/** Polls until the condition holds, and answers what it answered. An outage on the way is waited out; the test's timeout is the limit. */
export async function until<T>(condition: () => Promise<T | false | undefined | null>): Promise<T> {
  for (;;) {
    const answer = await condition().catch((error: unknown) => {
      if (error instanceof SluiceError && error.kind === "outage") return undefined;
      throw error;
    });
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    await sleep(30);
  }
}

/** Returns when nothing of the organization is in flight, whatever is killed meanwhile. */
export function settled(pipeline: Pipeline, scope: Scope): Promise<unknown> {
  return until(async () => (await pipeline.store.supervision.ledger(scope.organizationId)).inFlight === 0);
}

/** How many of the organization's documents have reached a status. */
export async function reached(pipeline: Pipeline, scope: Scope, status: string): Promise<number> {
  const [row] = await pipeline.supabase.query<{ n: number }>(
    "select count(distinct ingestion_id)::integer as n from sluice.document_events where organization_id = $1 and status = $2",
    [scope.organizationId, status],
  );
  return row?.n ?? 0;
}

/** What must hold after any accident: the ledger is balanced, all is done, each once, and nothing is left over. */
export async function expectWhole(pipeline: Pipeline, scope: Scope, documents: number): Promise<void> {
  await settled(pipeline, scope);
  const { store, supabase } = pipeline;
  expect(await store.supervision.ledger(scope.organizationId)).toMatchObject({
    accepted: documents,
    vectorized: documents,
    imbalance: 0,
  });
  expect(await store.supervision.checkLedger(scope.organizationId)).toEqual([]);
  const left = () =>
    supabase.query<{ n: number }>(
      "select 1 as n from sluice.parts p join sluice.ingestions i on i.id = p.ingestion_id where i.organization_id = $1",
      [scope.organizationId],
    );
  await until(async () => (await left()).length === 0);
  const off = await supabase.query(
    `select i.id, i.chunk_count, c.chunks, c.ordinals, e.vectorized, v.vectors, s.sections from sluice.ingestions i
     cross join lateral (select count(*)::integer as chunks, count(distinct ordinal)::integer as ordinals from sluice.chunks c where c.ingestion_id = i.id) c
     cross join lateral (select count(*)::integer as sections from sluice.sections s where s.ingestion_id = i.id) s
     cross join lateral (select count(*)::integer as vectors from sluice.embeddings e where e.ingestion_id = i.id) v
     cross join lateral (select count(*)::integer as vectorized from sluice.document_events e
       where e.ingestion_id = i.id and e.kind = 'advanced' and e.status = 'vectorized') e
     where i.organization_id = $1 and not (i.active and e.vectorized = 1 and c.chunks = i.chunk_count and c.ordinals = i.chunk_count
       and v.vectors = i.chunk_count and s.sections = i.section_count)`,
    [scope.organizationId],
  );
  expect(off).toEqual([]);
}
