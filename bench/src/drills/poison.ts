import { setTimeout as sleep } from "node:timers/promises";
import { heavyNote, keyOf } from "./shared/documents.js";
import type { Drill } from "./shared/drill.js";
import { pidOf, signalGroup } from "./shared/ground.js";

const maxDeaths = 3;
const killers = (seed: number, isShort: boolean) =>
  Array.from({ length: isShort ? 2 : 10 }, (_, i) => heavyNote(seed, i));

/**
 * A tenth of the documents can't be read, as in every drill, and some kill every parser that takes them: wherever the lease of such a
 * one appears in the database, its worker is killed outright. They end as dead letters that say so, and no other document does.
 */
export const poison: Drill = {
  name: "poison",
  env: { WORKER_MAX_DEATHS: String(maxDeaths) },
  extra: killers,
  async disturb({ supabase, organizationId, corpus, settled, figures, isShort }) {
    const names = killers(corpus.seed, isShort).map(({ name }) => name);
    const killed = new Set<string>();
    while (!settled.aborted) {
      const held = await supabase
        .query<{ worker: string }>(
          `select lease_worker as worker from sluice.ingestions where organization_id = $1 and file_name = any($2::text[])
             and next_queue = 'parse' and lease_until > clock_timestamp()`,
          [organizationId, names],
        )
        .catch(() => []);
      // The lease of one that was killed stands until it runs out.
      const alive = new Set(held.map(({ worker }) => worker).filter((worker) => !killed.has(worker)));
      for (const worker of alive) {
        killed.add(worker);
        signalGroup(pidOf(worker), "SIGKILL");
      }
      await sleep(50);
    }
    figures.kills = killed.size;
  },
  check({ corpus, isShort }, snapshot) {
    const keys = new Set(killers(corpus.seed, isShort).map(keyOf));
    const rows = snapshot.rows.filter(({ key }) => keys.has(key));
    return [
      ...(rows.length === keys.size ? [] : [`${keys.size} documents kill, ${rows.length} are there`]),
      ...rows.filter(({ code }) => code !== "worker_lost").map(({ key, status }) => `${key}: ${status}`),
    ];
  },
};
