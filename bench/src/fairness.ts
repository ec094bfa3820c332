import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createStack } from "@sluice/local";
import { allScopes, connectPostgres, createStore } from "@sluice/store";
import { caller, complete, openBatch, send } from "./client.js";
import { filesBelow, writeNotes } from "./corpus.js";

/** What docs/architecture.md promises: ten documents behind another organization's backlog take at most three times what they take alone. */
const promised = 3;

const quantile = (values: number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * q) - 1)] ?? 0;
const rounded = (seconds: number) => Math.round(seconds * 100) / 100;

/** Documents that wait, and can be worked on: rows as an upload makes them, all of the same stored bytes. */
const backlogSql = (organization: string, like: string, from: number, to: number) => `
  with n as (select i, gen_random_uuid() as document, gen_random_uuid() as ingestion from generate_series(${from}, ${to}) i),
  o as (select object_path, content_hash, byte_length from sluice.ingestions where id = '${like}'),
  d as (insert into sluice.documents (id, organization_id, identity_key, content_hash) select document, '${organization}', 'behind ' || i, content_hash from n, o),
  g as (insert into sluice.ingestions (id, organization_id, document_id, revision, status, next_queue, object_path, content_hash, byte_length)
    select ingestion, '${organization}', document, 1, 'uploaded', 'parse', object_path, content_hash, byte_length from n, o)
  insert into sluice.acceptances (ingestion_id, organization_id, document_id, revision, origin) select ingestion, '${organization}', document, 1, 'upload' from n`;
const rowsAtOnce = 5_000;

/** Ten documents of one organization, alone and behind a backlog of another's, on one stack. */
export async function fairnessBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { behind: { type: "string", default: "100000" }, trials: { type: "string", default: "20" } },
  });
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const stack = createStack({ home: join(folder, "home"), env: process.env, log: () => {} });
  try {
    const info = await stack.start();
    const { gatewayUrl, apiKey, supabaseUrl, supabaseSecretKey, databaseUrl } = info;
    if (databaseUrl === null) throw new Error("The backlog is made by SQL: set SUPABASE_DB_URL.");
    const { tenancy, apiKeys, supervision } = createStore({ url: supabaseUrl, secretKey: supabaseSecretKey });
    const { id: organizationId } = await tenancy.createOrganization({ name: "second" });
    const { key } = await apiKeys.asOperator.create({ organizationId, name: "bench", scopes: allScopes });
    const [first, second] = [caller(gatewayUrl, apiKey), caller(gatewayUrl, key)];
    let round = 0;
    const ten = async (): Promise<number> => {
      const own = join(folder, `ten-${round++}`);
      await writeNotes(own, 10, round);
      const began = performance.now();
      const batch = await openBatch(second);
      await send(second, batch, await filesBelow(own));
      await complete(second, batch);
      return (performance.now() - began) / 1_000;
    };
    const trials = Number(values.trials);
    await ten();
    const alone: number[] = [];
    for (let i = 0; i < trials; i++) alone.push(await ten());

    await writeNotes(join(folder, "behind"), 1, 1_000);
    const [like] = await send(first, await openBatch(first), await filesBelow(join(folder, "behind")));
    const db = await connectPostgres(databaseUrl);
    const count = Number(values.behind);
    for (let from = 1; from <= count; from += rowsAtOnce)
      await db.exec(
        backlogSql(info.organizationId, String(like?.ingestionId), from, Math.min(count, from + rowsAtOnce - 1)),
      );
    await db.exec("analyze sluice.ingestions").finally(() => db.destroy());
    // What making the backlog left to do is not what is measured.
    await ten();
    const behind: number[] = [];
    for (let i = 0; i < trials; i++) behind.push(await ten());
    const { inFlight } = await supervision.ledger(info.organizationId);

    const of = (all: number[]) => ({
      median: rounded(quantile(all, 0.5)),
      p95: rounded(quantile(all, 0.95)),
      most: rounded(Math.max(...all)),
    });
    const [was, is] = [of(alone), of(behind)];
    const ratio = rounded(is.p95 / was.p95);
    console.table({ "alone, seconds": was, "behind, seconds": is });
    console.log(
      JSON.stringify({
        bench: "fairness",
        trials,
        queued: count,
        alone: was,
        behind: is,
        ratio,
        promised,
        stillInFlight: inFlight,
      }),
    );
    // Had the others' been done before the last ten, nothing was measured.
    return ratio < promised && inFlight > 0;
  } finally {
    await stack.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
