import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { emptyHeader, noRows, type QueueName, queueNames } from "@sluice/contracts";
import { startTestRedis, startTestSupabase } from "@sluice/local";
import { createStageService, queueConfig } from "@sluice/queue";
import { createLogger, createMetrics, readConfig } from "@sluice/runtime";
import { createStore, type Store, type Task } from "@sluice/store";
import { createSupervisor, supervisorConfig } from "@sluice/supervisor";

/** What docs/reliability.md promises: of N organizations with work waiting, each gets at least this part of an Nth of every stage. */
const promised = 0.8;
const model = { id: "bench/none/3", provider: "bench", name: "none", dimensions: 3, lexical: true };

/** Ingestions that wait before a queue, by SQL: what came before does not matter here. */
function backlogSql(organization: string, queue: QueueName, count: number): string {
  const status = { parse: "uploaded", ocr: "uploaded", chunk: "parsed", embed: "chunked" }[queue];
  return `
    with n as (select i, gen_random_uuid() as document, gen_random_uuid() as ingestion from generate_series(1, ${count}) i),
    d as (insert into sluice.documents (id, organization_id, identity_key, content_hash) select document, '${organization}', '${queue}' || i, 'h' from n),
    g as (insert into sluice.ingestions (id, organization_id, document_id, revision, status, next_queue, object_path, content_hash, byte_length,
        parsed_generation, chunked_generation)
      select ingestion, '${organization}', document, 1, '${status}', '${queue}', 'bench/' || i, 'h', 1,
        ${status === "uploaded" ? "null" : 1}, ${status === "chunked" ? 1 : "null"} from n)
    insert into sluice.acceptances (ingestion_id, organization_id, document_id, revision, origin) select ingestion, '${organization}', document, 1, 'upload' from n`;
}

/** Seals a stage without doing it. */
async function seal(store: Store, queue: QueueName, task: Task, worker: string) {
  const durationMs = 1;
  if (queue === "chunk")
    return store.work.sealChunks(task, worker, { parts: 0, chunks: 0, tokens: 0, chunkerVersion: "bench", durationMs });
  if (queue === "embed") return store.work.sealEmbed(task, worker, model.id, durationMs);
  const section = { ordinal: 0, level: 1, title: null, code: null, text: "x", start: 0, pageFrom: null, pageTo: null };
  return store.work.sealParse(task, worker, {
    parts: 1,
    summary: {
      format: "text",
      mediaType: "text/plain",
      header: emptyHeader(),
      warnings: [],
      counts: { sections: 1, pages: 0, tables: 0, facts: 0 },
      length: 1,
      parserVersion: "bench",
    },
    children: [],
    durationMs,
    last: { ...noRows(), sections: [section] },
  });
}

/** The part of each stage that each of several organizations gets while all of them have work waiting, one far more than the others. */
export async function shareBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      queued: { type: "string", default: "100000" },
      others: { type: "string", default: "3" },
      seconds: { type: "string", default: "30" },
    },
  });
  const [redis, supabase] = await Promise.all([startTestRedis(), startTestSupabase()]);
  const logger = createLogger("bench", { level: "silent" });
  const env = {
    REDIS_URL: redis.url,
    QUEUE_PREFIX: "share",
    SUPABASE_URL: supabase.url,
    SUPABASE_SECRET_KEY: supabase.secretKey,
  };
  const store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  const tools = { logger, metrics: createMetrics("bench"), worker: "bench", graceMs: 2_000 };
  try {
    await store.work.registerModel(model);
    const organizations: string[] = [];
    // Few enough to be quick, and more than can be done meanwhile.
    const small = Math.min(3_000, Number(values.queued));
    for (let i = 0; i <= Number(values.others); i++) {
      const { id } = await store.tenancy.createOrganization({ name: `organization ${i}` });
      for (const queue of queueNames)
        await supabase.exec(
          backlogSql(id, queue, i === 0 ? Number(values.queued) - small * Number(values.others) : small),
        );
      organizations.push(id);
    }
    await supabase.exec("analyze sluice.ingestions");

    const done = new Map<string, number>();
    const config = readConfig(queueConfig, env);
    const services = queueNames.map((queue) =>
      createStageService<Task>({
        queue,
        version: "bench",
        tools,
        redis: config,
        leaseMs: 60_000,
        maxDeaths: 5,
        concurrency: 4,
        model: model.id,
        databaseReady: store.ready,
        work: store.work,
        async handler(task) {
          // As long as a worker of something: what is measured is the order, not the speed.
          await sleep(20);
          const { outcome, ...rest } = await seal(store, queue, task, "bench");
          if (outcome !== "sealed") throw new Error(`not sealed: ${outcome}`);
          const key = `${queue}/${task.organizationId}`;
          done.set(key, (done.get(key) ?? 0) + 1);
          return { outcome, ...rest };
        },
      }),
    );
    const supervisor = createSupervisor(readConfig(supervisorConfig, env), tools);
    await supervisor.start();
    await Promise.all(services.map((service) => service.start()));
    await sleep(5_000);
    done.clear();
    await sleep(Number(values.seconds) * 1_000);
    const counts = new Map(done);
    await Promise.all([...services, supervisor].map((service) => service.destroy()));

    const shares = queueNames.map((queue) => {
      const own = organizations.map((id) => counts.get(`${queue}/${id}`) ?? 0);
      const total = own.reduce((sum, n) => sum + n, 0);
      return { queue, total, least: (Math.min(...own) / total) * organizations.length };
    });
    console.table(
      Object.fromEntries(
        shares.map(({ queue, total, least }) => [queue, { done: total, "least share, of an Nth": least.toFixed(2) }]),
      ),
    );
    const passed = shares.every(({ least }) => least >= promised);
    console.log(
      JSON.stringify({
        bench: "share",
        passed,
        promised,
        queued: Number(values.queued),
        organizations: organizations.length,
        shares,
      }),
    );
    return passed;
  } finally {
    await Promise.all([redis.destroy(), supabase.destroy()]);
  }
}
