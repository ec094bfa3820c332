import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { keyOf } from "./shared/documents.js";
import type { Drill, Scene } from "./shared/drill.js";
import { leaseMs, pidOf, signalGroup } from "./shared/ground.js";
import type { Snapshot } from "./shared/snapshot.js";

interface Hold {
  worker: string;
  ingestionId: string;
  generation: number;
}

const Anything = z.unknown();

/** Puts a worker to sleep that holds one of the organization's ingestions (of a batch, where one is named); answers what it held. */
async function putToSleep(
  { supabase, organizationId, settled }: Scene,
  service: string,
  batchId: string | null,
): Promise<Hold[]> {
  while (!settled.aborted) {
    const held = await supabase.query<Hold>(
      `select lease_worker as worker, id as "ingestionId", generation from sluice.ingestions where organization_id = $1
         and lease_until > clock_timestamp() and lease_worker like $2 and ($3::uuid is null or batch_id = $3::uuid)`,
      [organizationId, `${service}-%`, batchId],
    );
    const [first] = held;
    if (first !== undefined) {
      signalGroup(pidOf(first.worker), "SIGSTOP");
      return held.filter(({ worker }) => worker === first.worker);
    }
    await sleep(20);
  }
  return [];
}

/** How many of these somebody else took over, or ended, while their worker slept. */
async function overtaken({ supabase }: Scene, held: Hold[]): Promise<number> {
  const now = await supabase.query<{ id: string; generation: number }>(
    "select id, generation from sluice.ingestions where id = any($1::uuid[])",
    [held.map(({ ingestionId }) => ingestionId)],
  );
  const before = new Map(held.map(({ ingestionId, generation }) => [ingestionId, generation]));
  return now.filter(({ id, generation }) => generation > (before.get(id) ?? generation)).length;
}

/** What was cancelled while its worker slept has left nothing that readers see, and what was then sent again is as if nothing had been. */
function doomedOff({ corpus, figures }: Scene, snapshot: Snapshot, undisturbed: Snapshot): string[] {
  const off: string[] = [];
  let cancelled = 0;
  for (const key of corpus.doomed.map(keyOf)) {
    const rows = snapshot.rows.filter((row) => row.key === key);
    const [expected] = undisturbed.rows.filter((row) => row.key === key);
    const active = rows.filter((row) => row.isActive);
    if (active.length !== 1 || active[0]?.status !== "vectorized") off.push(`${key}: not seen, or twice`);
    for (const name of Object.keys(expected?.digests ?? {}))
      if (active[0]?.digests[name] !== expected?.digests[name]) off.push(`${key}: ${name}`);
    const ended = rows.filter((row) => !row.isActive);
    cancelled += ended.length;
    for (const row of ended)
      if (row.status !== "cancelled" || row.vectorized > 0) off.push(`${key} r${row.revision}: ${row.status}`);
  }
  figures.cancelled = cancelled;
  if (cancelled === 0) off.push("nothing was cancelled: the drill has shown nothing");
  if (figures.overtaken === 0) off.push("nothing was overtaken: the drill has shown nothing");
  return off;
}

/** Workers that stop in the middle and go on after their lease, when others have done, cancelled or retried their work. */
export const staleWorker: Drill = {
  name: "stale-worker",
  // A worker that sleeps counts as dead, and the drill puts many to sleep.
  env: { WORKER_MAX_DEATHS: "50" },
  keepsDoomed: true,
  async disturb(scene) {
    const { client, corpus, isShort, settled, figures } = scene;
    const slept: Record<string, number> = {};
    figures.asleep = slept;
    figures.overtaken = 0;
    const wake = async (service: string, held: Hold[], ms: number) => {
      await sleep(ms);
      const lost = await overtaken(scene, held).catch(() => 0);
      figures.overtaken = Number(figures.overtaken) + lost;
      const [first] = held;
      if (first === undefined) return;
      slept[service] = (slept[service] ?? 0) + 1;
      signalGroup(pidOf(first.worker), "SIGCONT");
    };

    /** Cancelled while its worker sleeps, and sent again: a batch of its own. */
    const cancelAndSendAgain = async () => {
      const batch = await client.openBatch("doomed");
      const sending = client.send([[corpus.doomed]], batch);
      const held = await putToSleep(scene, "parser", batch);
      await sending;
      await client.post(`/v1/batches/${batch}/cancel`, {}, Anything);
      await wake("parser", held, leaseMs * 1.5);
      while (!settled.aborted && (await inFlightOf(scene, batch)) > 0) await sleep(200);
      await client.send([[corpus.doomed]]);
    };
    const overtake = async () => {
      for (const service of isShort
        ? ["chunker", "embedder"]
        : ["chunker", "embedder", "parser", "embedder", "chunker"]) {
        const asleep = await putToSleep(scene, service, null);
        if (asleep.length === 0) return;
        // What has failed by now is tried again meanwhile, and fails again.
        await client.post("/v1/dead-letters/replay", { filter: {} }, Anything);
        await wake(service, asleep, leaseMs * 2);
      }
    };
    await Promise.all([cancelAndSendAgain(), overtake()]);
  },
  check: doomedOff,
};

async function inFlightOf({ supabase }: Scene, batchId: string): Promise<number> {
  const [row] = await supabase.query<{ n: number }>(
    "select count(*)::integer as n from sluice.ingestions where batch_id = $1 and next_queue is not null",
    [batchId],
  );
  return row?.n ?? 0;
}
