import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { jobId, payloadVersion, type QueuedJob } from "@sluice/contracts";
import { startTestRedis, startTestSupabase } from "@sluice/local";
import { createProducer, createStageService, queueConfig } from "@sluice/queue";
import { createLogger, createMetrics, readConfig } from "@sluice/runtime";
import { allScopes, createStore } from "@sluice/store";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

/** What docs/reliability.md promises: the harness against bare BullMQ, and Redis memory for a queued document. */
const promisedRatio = 0.8;
const promisedPayload = 300;

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const seconds = (began: number) => (performance.now() - began) / 1_000;
const options = (id: string) => ({ jobId: id, priority: 1, removeOnComplete: true, removeOnFail: true });

function jobs(count: number): QueuedJob[] {
  const organizationId = randomUUID();
  return Array.from({ length: count }, () => ({
    organizationId,
    ingestionId: randomUUID(),
    generation: 1,
    queue: "chunk" as const,
    rank: 0,
  }));
}

/** Jobs a second from the first to the last, `concurrency` at a time and nothing done for them: by bare BullMQ, and by our harness with all it notes. */
async function throughput(url: string, count: number, concurrency: number, rounds: number) {
  const logger = createLogger("bench", { level: "info", destination: { write: () => {} } });
  const metrics = createMetrics("bench");
  const config = readConfig(queueConfig, { REDIS_URL: url, QUEUE_PREFIX: "bench" });
  const producer = createProducer({ redis: config, prefix: "bench", logger, metrics });
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const bareQueue = new Queue("bare", { connection });

  async function bare(): Promise<number> {
    const batch = jobs(count).map((job) => ({
      name: "run",
      data: { v: payloadVersion, ...job },
      opts: options(jobId("chunk", job)),
    }));
    for (let i = 0; i < batch.length; i += 1_000) await bareQueue.addBulk(batch.slice(i, i + 1_000));
    let done = 0;
    let began = 0;
    const first = async () => {
      began ||= performance.now();
    };
    const worker = new Worker("bare", first, { connection, concurrency });
    await new Promise<void>((resolve) => {
      worker.on("completed", () => {
        done += 1;
        if (done === count) resolve();
      });
    });
    const rate = count / seconds(began);
    await worker.close();
    return rate;
  }

  async function ours(): Promise<number> {
    const batch = jobs(count);
    for (let i = 0; i < batch.length; i += 1_000) await producer.enqueue(batch.slice(i, i + 1_000));
    let done = 0;
    let end = () => {};
    const all = new Promise<void>((resolve) => {
      end = resolve;
    });
    const service = createStageService({
      queue: "chunk",
      version: "bench",
      tools: { logger, metrics, worker: "bench", graceMs: 1_000 },
      redis: config,
      leaseMs: 30_000,
      maxDeaths: 5,
      concurrency,
      databaseReady: async () => true,
      // Postgres answers at once here: what it costs is in `bench -- ingest`.
      work: {
        begin: async (_queue, items) =>
          items.map((item) => ({
            outcome: "started" as const,
            workload: "backfill" as const,
            attempt: 1,
            queuedMs: 0,
            ...item,
          })),
        renew: async (items) => items.map((item) => item.ingestionId),
        fail: async () => "stale",
        handBack: async () => 0,
      },
      handler: async () => {
        began ||= performance.now();
        done += 1;
        if (done === count) end();
        return { outcome: "sealed" };
      },
    });
    let began = 0;
    await service.start();
    await all;
    const rate = count / seconds(began);
    await service.destroy();
    return rate;
  }

  const rates = { bare: [] as number[], ours: [] as number[], ratio: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const [one, other] = [await bare(), await ours()];
    // The first round warms up.
    if (round === 0) continue;
    rates.bare.push(one);
    rates.ours.push(other);
    rates.ratio.push(other / one);
  }
  await bareQueue.close();
  await producer.destroy();
  connection.disconnect();
  return { bare: median(rates.bare), ours: median(rates.ours), ratio: median(rates.ratio) };
}

/** Bytes of Redis' memory for a job that waits, and of its payload. */
async function memory(url: string, count: number) {
  const redis = new Redis(url);
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  const config = readConfig(queueConfig, { REDIS_URL: url, QUEUE_PREFIX: "memory" });
  const logger = createLogger("bench", { level: "silent" });
  const producer = createProducer({ redis: config, prefix: "memory", logger, metrics: createMetrics("bench") });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = await used();
  const batch = jobs(count);
  const began = performance.now();
  for (let i = 0; i < batch.length; i += 500) await producer.enqueue(batch.slice(i, i + 500));
  const enqueued = count / seconds(began);
  const bytes = ((await used()) - before) / count;
  const { rank: _, queue: __, ...payload } = batch[0] as QueuedJob;
  await producer.destroy();
  redis.disconnect();
  return { bytes: Math.round(bytes), payload: JSON.stringify({ v: payloadVersion, ...payload }).length, enqueued };
}

/** Documents a second that are made durable by manifests of a thousand lines, their files being in Storage. */
async function acceptance(count: number): Promise<number> {
  const supabase = await startTestSupabase();
  try {
    const store = createStore({ url: supabase.url, secretKey: supabase.secretKey, timeoutMs: 600_000 });
    const { id: organizationId } = await store.tenancy.createOrganization({ name: "bench" });
    const { id } = await store.apiKeys.asOperator.create({ organizationId, name: "bench", scopes: allScopes });
    const scope = { organizationId, caller: { kind: "api_key" as const, id } };
    const paths = Array.from({ length: count }, () => `${organizationId}/${randomUUID()}`);
    for (let i = 0; i < count; i += 10_000) {
      const some = paths.slice(i, i + 10_000);
      await store.intake.requestUploads(scope, some);
      // As if they had been put there.
      await supabase.exec(
        `insert into storage.objects (bucket_id, name, metadata) select 'originals', p, '{"size": 1000}' from unnest('{${some.join(",")}}'::text[]) p`,
      );
    }
    const began = performance.now();
    for (let i = 0; i < count; i += 1_000)
      await store.intake.acceptUploads(
        scope,
        paths.slice(i, i + 1_000).map((objectPath) => ({
          objectPath,
          contentHash: objectPath.slice(-36).padStart(64, "0"),
          fileName: "note.txt",
          declaredType: null,
          mediaType: null,
        })),
        64,
      );
    return count / seconds(began);
  } finally {
    await supabase.destroy();
  }
}

/** What the supervisor's turns and the gateway's questions cost beside so many ingestions, a part of them waiting; milliseconds. */
async function housekeeping(count: number) {
  const supabase = await startTestSupabase();
  try {
    const store = createStore({ url: supabase.url, secretKey: supabase.secretKey, timeoutMs: 600_000 });
    const { id } = await store.tenancy.createOrganization({ name: "bench" });
    const step = 50_000;
    for (let from = 0; from < count; from += step) await supabase.exec(rowsSql(id, from, Math.min(count, from + step)));
    await supabase.exec("analyze sluice.ingestions; analyze sluice.acceptances; analyze sluice.tallies");
    while ((await store.supervision.foldTallies(100_000)) > 0);
    const time = async (work: () => Promise<unknown>): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        await work();
        times.push(performance.now() - began);
      }
      return Math.round(median(times) * 10) / 10;
    };
    const { supervision } = store;
    return {
      dispatch: await time(() => supervision.dispatch(500, 64)),
      stranded: await time(() => supervision.stranded(5_000, null, 500)),
      recountStep: await time(() => supervision.recountStep(1_000)),
      gauges: await time(() => supervision.stats()),
      load: await time(() => store.operations.load(id)),
      failures: await time(() =>
        supervision.watchFailures({
          windowMs: 60_000,
          share: 0.5,
          least: 20,
          permanent: [],
          queues: { parse: ["parse", "ocr"], chunk: ["chunk"], embed: ["embed"] },
        }),
      ),
      ledgerCheck: await time(() => supervision.checkLedger(id)),
      ledger: await time(() => supervision.ledger(id)),
    };
  } finally {
    await supabase.destroy();
  }
}

/** Ingestions with their acceptances: of ten, six done, one failed, one in flight, two in the backlog. */
function rowsSql(organization: string, from: number, to: number): string {
  return `
    with n as (select i, gen_random_uuid() as document, gen_random_uuid() as ingestion, i % 10 as part from generate_series(${from}, ${to - 1}) i),
    d as (insert into sluice.documents (id, organization_id, identity_key, content_hash) select document, '${organization}', 'bench' || i, 'h' from n),
    g as (insert into sluice.ingestions (id, organization_id, document_id, revision, status, next_queue, object_path, content_hash, byte_length, dispatched_at, accepted_at)
      select ingestion, '${organization}', document, 1, case when part < 6 then 'vectorized' when part = 6 then 'failed' else 'uploaded' end,
        case when part > 6 then 'parse' end, 'bench/' || i, 'h', 1, case when part = 7 then now() - interval '1 minute' end, now() from n)
    insert into sluice.acceptances (ingestion_id, organization_id, document_id, revision, origin) select ingestion, '${organization}', document, 1, 'upload' from n`;
}

export async function queueBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: "string", default: "10000" },
      concurrency: { type: "string", default: "32" },
      rounds: { type: "string", default: "5" },
      queued: { type: "string", default: "100000" },
      manifest: { type: "string", default: "100000" },
      ingestions: { type: "string", default: "1000000" },
    },
  });
  const redis = await startTestRedis();
  try {
    const rates = await throughput(redis.url, Number(values.jobs), Number(values.concurrency), Number(values.rounds));
    console.table({
      "bare BullMQ": { "jobs a second": Math.round(rates.bare) },
      "the harness": { "jobs a second": Math.round(rates.ours), ratio: rates.ratio.toFixed(2) },
    });
    const queued = await memory(redis.url, Number(values.queued));
    console.log(
      `${values.queued} queued: ${Math.round(queued.enqueued)} a second, ${queued.bytes} bytes of Redis each, payload ${queued.payload} bytes`,
    );
    const accepted = Number(values.manifest) > 0 ? await acceptance(Number(values.manifest)) : null;
    if (accepted !== null) console.log(`${values.manifest} by manifest: ${Math.round(accepted)} a second are durable`);
    const turns = Number(values.ingestions) > 0 ? await housekeeping(Number(values.ingestions)) : null;
    if (turns !== null) {
      console.log(`beside ${values.ingestions} ingestions, milliseconds a call:`);
      console.table(turns);
    }
    const passed = rates.ratio >= promisedRatio && queued.payload < promisedPayload;
    console.log(
      JSON.stringify({ bench: "queue", passed, promisedRatio, ...rates, queued, accepted, ingestions: turns }),
    );
    return passed;
  } finally {
    await redis.destroy();
  }
}
