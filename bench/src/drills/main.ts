import { parseArgs } from "node:util";
import { clock } from "./clock.js";
import { cluster } from "./cluster.js";
import { diskFull } from "./disk-full.js";
import { killWorkers } from "./kill-workers.js";
import { poison } from "./poison.js";
import { providerStorm } from "./provider-storm.js";
import { redisFlush } from "./redis-flush.js";
import { redisKill } from "./redis-kill.js";
import { rolling } from "./rolling.js";
import { type Drill, Missing } from "./shared/drill.js";
import { runDrill } from "./shared/run.js";
import type { Snapshot } from "./shared/snapshot.js";
import { slowClient } from "./slow-client.js";
import { staleWorker } from "./stale-worker.js";
import { supabaseDown } from "./supabase-down.js";

const drills: Drill[] = [
  killWorkers,
  redisFlush,
  redisKill,
  supabaseDown,
  providerStorm,
  staleWorker,
  poison,
  rolling,
  slowClient,
  clock,
  diskFull,
  cluster,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    documents: { type: "string" },
    short: { type: "boolean", default: false },
    /** The commit whose build is the old version of `rolling`. */
    from: { type: "string" },
    /** Where the services' logs go; they are thrown away where it is not said. */
    logs: { type: "string" },
  },
});
const chosen = positionals.map((name) => drills.find((drill) => drill.name === name));
const [seed, documents] = [Number(values.seed), Number(values.documents ?? (values.short ? 150 : 1_000))];
if (chosen.includes(undefined) || !Number.isInteger(seed) || !(documents >= 60)) {
  console.error(
    `usage: npm run drill -- [${drills.map(({ name }) => name).join("|")} …] [--seed N] [--documents N, 60 or more] [--short] [--from COMMIT] [--logs FILE]`,
  );
  process.exit(2);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    // The second time somebody means it.
    if (stop.signal.aborted) process.exit(130);
    console.error("stopping");
    stop.abort(new Error(signal));
  });

async function run(all: Drill[]): Promise<boolean> {
  const options = {
    seed,
    documents,
    isShort: values.short,
    signal: stop.signal,
    logFile: values.logs,
    from: values.from,
  };
  const first = await runDrill(null, options);
  const undisturbed: Snapshot = first.snapshot;
  let passed = first.passed;
  for (const drill of all) passed = (await runDrill(drill, { ...options, undisturbed })).passed && passed;
  return passed;
}

// Not left to the event loop: a disturbance that was broken off may still be waiting for its time.
try {
  process.exit((await run(chosen.length === 0 ? drills : (chosen as Drill[]))) ? 0 : 1);
} catch (error) {
  if (!stop.signal.aborted) console.error(error instanceof Missing ? error.message : error);
  process.exit(stop.signal.aborted ? 130 : 1);
}
