import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { random } from "../../corpus.js";
import { recountAll } from "./books.js";
import { drillCorpus, keyOf } from "./documents.js";
import type { Drill, Prepared, Scene } from "./drill.js";
import { type Ground, openGround } from "./ground.js";
import { damagedObjects, type Snapshot, takeSnapshot, unsealedParts } from "./snapshot.js";
import { judge } from "./verdict.js";

export interface RunOptions {
  seed: number;
  documents: number;
  isShort: boolean;
  signal: AbortSignal;
  logFile?: string;
  /** Of the drill that runs two versions. */
  from?: string;
  undisturbed?: Snapshot;
}

/** Longest that a drill may take to come to rest; what is not final then is lost. */
const [shortMs, longMs] = [600_000, 2_400_000];
const round = (ms: number) => Math.round(ms / 100) / 10;

/** Children of a document have its key at the beginning of theirs. */
const rootOf = (key: string) => key.split(" #")[0] as string;

async function atRest(ground: Ground, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { inFlight } = await ground.store.supervision.ledger(ground.organizationId).catch(() => ({ inFlight: 1 }));
    if (inFlight === 0) return;
    await sleep(300);
  }
}

/** Runs one drill (or, with none, undisturbed) on a stack of its own, and says how it went on one line of JSON. */
export async function runDrill(
  drill: Drill | null,
  options: RunOptions,
): Promise<{ passed: boolean; snapshot: Snapshot }> {
  const { seed, documents, isShort, signal } = options;
  const name = drill?.name ?? "undisturbed";
  const corpus = await drillCorpus(seed, documents);
  const extra = drill?.extra?.(seed, isShort) ?? [];
  console.error(`drill ${name}: seed ${seed}, ${documents} documents`);
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const over = AbortSignal.any([signal, limit.signal]);
  const next = random(seed + 1);
  const { env, cluster } = drill ?? {};
  const folder = await mkdtemp(join(tmpdir(), "sluice-drill-"));
  let prepared: Prepared = {};
  let ground: Ground;
  const leave = async () => {
    await prepared.destroy?.();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    prepared = (await drill?.prepare?.({ folder, isShort, from: options.from })) ?? {};
    timer = setTimeout(() => limit.abort(new Error(`${name} took too long`)), isShort ? shortMs : longMs).unref();
    const { logFile } = options;
    ground = await openGround({ signal: over, random: next, env, folder, prepared, cluster, logFile });
  } catch (error) {
    clearTimeout(timer);
    await leave();
    throw error;
  }
  const settled = new AbortController();
  const end = () => settled.abort();
  over.addEventListener("abort", end);
  try {
    const { client, store, organizationId } = ground;
    const began = performance.now();
    const figures: Record<string, unknown> = {};
    const scene: Scene = {
      ...ground,
      corpus,
      random: next,
      isShort,
      settled: settled.signal,
      figures,
      async progress() {
        const { inFlight } = await store.supervision.ledger(organizationId);
        return { accepted: client.accepted(), inFlight };
      },
      pause: (ms) => sleep(ms, undefined, { signal: settled.signal }).catch(() => {}),
    };

    let [sentAt, calmAt] = [0, 0];
    const shipments = [
      ...corpus.shipments,
      ...extra.map((file) => [[file]]),
      ...(drill?.keepsDoomed === true ? [] : corpus.doomed.map((file) => [[file]])),
    ];
    const sending = client.send(shipments).then(() => {
      sentAt = performance.now();
    });
    const disturbing = (drill?.disturb(scene) ?? Promise.resolve()).then(() => {
      calmAt = performance.now();
    });
    const settling = sending.then(() => atRest(ground, over)).then(end);
    await Promise.all([sending, disturbing, settling]);
    await atRest(ground, over);
    // What was interrupted says nothing.
    signal.throwIfAborted();
    const restedAt = performance.now();
    for (let i = 0; i < 60 && (await unsealedParts(ground.supabase, organizationId)) > 0; i++) await sleep(500);

    const snapshot = await takeSnapshot(ground.supabase, organizationId);
    const apartKeys = new Set([...extra, ...(drill?.keepsDoomed === true ? corpus.doomed : [])].map(keyOf));
    const verdict = judge({
      journal: await client.journal(),
      snapshot,
      undisturbed: options.undisturbed,
      mustFail: new Map(
        corpus.shipments.flat(2).flatMap((file) => (file.fails === undefined ? [] : [[keyOf(file), file.fails]])),
      ),
      apart: (key) => apartKeys.has(rootOf(key)),
    });
    const wrong = [
      ...verdict.wrong,
      ...(await damagedObjects(store.objects, snapshot.rows)).map((key) => `${key}: stored object`),
      ...costOff(snapshot, ground, drill === null),
      ...(options.undisturbed === undefined ? [] : (drill?.check?.(scene, snapshot, options.undisturbed) ?? [])),
    ];
    const books = await recountAll(store.supervision, organizationId);
    if (ground.alarms() > 0) books.push(`the supervisor found the books off ${ground.alarms()} times`);
    const restarts = await ground.restarts();
    const left = await ground.destroy();
    const problems = {
      lost: verdict.lost,
      duplicated: verdict.duplicated,
      wrong,
      books,
      left: left.map((pid) => `process ${pid}`),
    };
    for (const [kind, all] of Object.entries(problems))
      for (const each of all.slice(0, 20)) console.error(`  ${kind}: ${each}`);
    const passed = Object.values(problems).every((all) => all.length === 0);
    console.log(
      JSON.stringify({
        drill: name,
        seed,
        documents,
        passed,
        accepted: client.accepted(),
        ingestions: snapshot.rows.length,
        vectorized: verdict.vectorized,
        failed: verdict.failedByCode,
        lost: verdict.lost.length,
        duplicated: verdict.duplicated.length,
        wrong: wrong.length,
        ledgerBalanced: books.length === 0,
        seconds: round(restedAt - began),
        sendSeconds: round(sentAt - began),
        recoverySeconds: round(Math.max(0, restedAt - Math.max(calmAt, began))),
        clientRetries: client.retries(),
        restarts,
        usage: { ...snapshot.usage, sealed: sealedTokens(snapshot), answered: ground.provider.answered() },
        ...figures,
      }),
    );
    return { passed, snapshot };
  } finally {
    over.removeEventListener("abort", end);
    clearTimeout(timer);
    settled.abort();
    await ground.destroy();
    await leave();
  }
}

const sealedTokens = ({ rows }: Snapshot) =>
  rows.filter(({ status }) => status === "vectorized").reduce((sum, { tokens }) => sum + tokens, 0);

/**
 * What was paid for is in the books: never less than what is sealed, and when nothing happens exactly that. A request that a crash
 * repeats is paid for twice and recorded twice, or once when the worker died with the answer in its hands; never more often than answered.
 */
function costOff(snapshot: Snapshot, ground: Ground, isUndisturbed: boolean): string[] {
  const { inputs, tokens, saved } = snapshot.usage;
  const sealed = sealedTokens(snapshot);
  const books = `cost: ${tokens} tokens recorded, ${saved} saved, ${sealed} sealed`;
  if (tokens + saved < sealed) return [books];
  if (isUndisturbed && tokens + saved !== sealed) return [`${books}, undisturbed`];
  // Probes of one text ask as well, so answered may be a little more than what was for documents.
  if (inputs > ground.provider.answered())
    return [`cost: ${inputs} inputs recorded, ${ground.provider.answered()} answered`];
  return [];
}
