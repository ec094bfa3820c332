import { spawn } from "node:child_process";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createStack, freePort, type Stack, type StackInfo, startTestSupabase, type TestSupabase } from "@sluice/local";
import { Redis } from "ioredis";
import { createCanarySearch, type Hit } from "./support/canaries.js";
import { until } from "./support/checks.js";
import { markedFiles, marks, person } from "./support/marked-documents.js";
import { type RecordingProxy, startRecordingProxy } from "./support/recording-proxy.js";

const search = createCanarySearch(marks);
let base: string;
let home: string;
let scratch: string;
let supabase: TestSupabase;
let proxy: RecordingProxy;
let stack: Stack;
let info: StackInfo;
let redis: Redis;
const logs: string[] = [];
/** Status, headers and bodies of what was refused. */
const problems: string[] = [];
const links: string[] = [];
const metricsUrls: string[] = [];
const processes: string[] = [];
const lax: string[] = [];
const planted: (() => unknown)[] = [];

interface Sent {
  method?: string;
  json?: unknown;
  body?: FormData | string;
  headers?: Record<string, string>;
}
async function call(path: string, { json, body, method, headers }: Sent = {}) {
  const sent = json === undefined ? body : JSON.stringify(json);
  const response = await fetch(new URL(path, info.gatewayUrl), {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    headers: {
      "x-api-key": info.apiKey,
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: sent,
  });
  const text = await response.text();
  if (!response.ok) problems.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : undefined };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
const contents = async (folder: string, skip: (path: string) => boolean = () => false) =>
  Promise.all(
    (await filesIn(folder))
      .filter((path) => !skip(path))
      .map(async (path) =>
        Buffer.concat([Buffer.from(`${path}\n`), await readFile(path).catch(() => Buffer.alloc(0))]),
      ),
  );

/** The stack's processes and all that they started. */
async function everyPid(): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    parents.set(Number(name), Number(text.slice(text.lastIndexOf(")") + 4).split(" ")[0]));
  }
  const ours = new Set<number>(Object.values((await stack.info()).pids));
  for (let before = 0; before !== ours.size; ) {
    before = ours.size;
    for (const [pid, parent] of parents) if (ours.has(parent) || parent === process.pid) ours.add(pid);
  }
  return [...ours];
}

/** Looks at what exists for a moment only: arguments and environments, and who may read originals while they are read. */
async function sample(): Promise<void> {
  for (const pid of await everyPid())
    for (const what of ["cmdline", "environ"])
      processes.push(await readFile(`/proc/${pid}/${what}`, "latin1").catch(() => ""));
  const paths = (await readdir(scratch, { recursive: true }).catch(() => [])).map((name) => join(scratch, name));
  for (const path of paths) {
    const mode = await stat(path).then(
      (found) => found.mode & 0o777,
      () => undefined,
    );
    if (mode !== undefined && (mode & 0o077) !== 0) lax.push(`${path} ${mode.toString(8)}`);
  }
}

const rows = async (sql: string) => JSON.stringify(await supabase.query(sql));

/** Every place where nothing of a document may be, and what is there. */
const places: Record<string, () => Promise<(Buffer | string)[]>> = {
  async "keys of Redis"() {
    const found: (Buffer | string)[] = [];
    for (const key of await redis.keys("*")) {
      found.push(key);
      const type = await redis.type(key);
      if (type === "string") found.push((await redis.getBuffer(key)) ?? "");
      if (type === "hash") found.push(...Object.entries(await redis.hgetallBuffer(key)).flat());
      if (type === "list") found.push(...(await redis.lrangeBuffer(key, 0, -1)));
      if (type === "set") found.push(...(await redis.smembersBuffer(key)));
      if (type === "zset") found.push(...(await redis.zrangeBuffer(key, 0, -1)));
      if (type === "stream") found.push(JSON.stringify(await redis.xrange(key, "-", "+")));
    }
    return found;
  },
  async "files of Redis"() {
    // Strings are packed in a way of Redis' own, unless it is told not to.
    await redis.config("SET", "rdbcompression", "no");
    await redis.save();
    const files = await contents(join(home, "redis"));
    expect(files.filter((file) => /\.aof\n/.test(String(file.subarray(0, 300))))).not.toEqual([]);
    expect(files.filter((file) => /\.rdb\n/.test(String(file.subarray(0, 300))))).not.toEqual([]);
    return files;
  },
  "logs of the services": async () => [...logs],
  metrics: async () => {
    const urls = [...Object.values((await stack.info()).metricsUrls), ...metricsUrls];
    return Promise.all(urls.map(async (url) => (await fetch(url)).text()));
  },
  "dead letters": async () => [
    await rows("select * from sluice.dead_letters"),
    JSON.stringify((await call("/v1/dead-letters?limit=200")).body),
  ],
  audit: async () => [
    await rows("select to_jsonb(a) from sluice.audit_log a"),
    JSON.stringify((await call("/v1/audit?limit=200")).body),
  ],
  "events and usage": async () => [
    await rows("select to_jsonb(e) from sluice.document_events e"),
    await rows("select to_jsonb(u) from sluice.usage_events u"),
  ],
  "error responses": async () => [...problems],
  "requests to Supabase": async () => [...proxy.seen],
  "links and names of stored objects": async () => [
    ...links,
    await rows("select name, metadata from storage.objects"),
    ...(await filesIn(base)),
  ],
  "arguments and environments of processes": async () => {
    await sample();
    return [...processes];
  },
  "temporary files": async () => [...(await contents(scratch)), ...(await contents(join(base, "tmp")))],
  "what is left on disk beside the database and the objects": async () =>
    contents(base, (path) => /\/(postgres|objects|redis)\//.test(path)),
};

async function hitsIn(place: string): Promise<Hit[]> {
  const found = (await (places[place] as () => Promise<(Buffer | string)[]>)()).map((each) =>
    Buffer.from(each as string),
  );
  return search(Buffer.concat(found.flatMap((each) => [each, Buffer.from("\n")])));
}

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "sluice-canary-"));
  [home, scratch] = [join(base, "home"), join(base, "scratch")];
  await mkdir(join(base, "tmp"), { mode: 0o700 });
  supabase = await startTestSupabase({ parent: base });
  proxy = await startRecordingProxy(supabase.url);
  stack = createStack({
    home,
    port: await freePort(),
    env: {
      PATH: process.env.PATH,
      TMPDIR: join(base, "tmp"),
      LOG_LEVEL: "debug",
      WORKER_LEASE_MS: "5000",
      RECONCILE_GRACE_MS: "1000",
      PARSER_SCRATCH: scratch,
      SUPABASE_URL: proxy.url,
      SUPABASE_SECRET_KEY: supabase.secretKey,
      SUPABASE_DB_URL: supabase.databaseUrl,
      SUPABASE_JWT_SECRET: supabase.jwtSecret,
      NODE_OPTIONS: `--report-on-fatalerror --report-uncaught-exception --report-dir=${base}`,
    },
    log: (source, line) => logs.push(`${source} ${line}`),
  });
  info = await stack.start();
  metricsUrls.push(`${info.gatewayUrl}/metrics`);
  redis = new Redis(info.redisUrl);
});
afterAll(async () => {
  for (const undo of planted) await undo();
  redis?.disconnect();
  await stack?.destroy();
  await proxy?.destroy();
  await supabase?.destroy();
  if (base !== undefined) await rm(base, { recursive: true, force: true });
});

describe("the marks of a person who is in every document", () => {
  it("go through the whole of the pipeline, where it succeeds and where it fails", async () => {
    const batch = await call("/v1/batches", { json: { name: person.batch } });
    const files = await markedFiles();
    let accepted = 0;
    for (const [i, { name, bytes }] of files.entries()) {
      const form = new FormData();
      form.append("batchId", batch.body.id);
      form.append("tags", JSON.stringify([person.name, "Brentwaldo"]));
      form.append("metadata", JSON.stringify({ ward: person.name, note: { phone: person.phone } }));
      form.append("externalId", `${person.record}-${i}`);
      form.append("patient", `HOSP|${person.record}`);
      form.append("file", new Blob([bytes as never]), name);
      const { body } = await call("/v1/documents", { body: form });
      accepted += body?.documents?.filter((each: { id?: string }) => each.id !== undefined).length ?? 0;
      await sample();
    }
    expect(accepted).toBeGreaterThan(files.length / 2);
    await call(`/v1/batches/${batch.body.id}/seal`, { json: {} });
    const counts = await until(async () => {
      await sample();
      const { body } = await call(`/v1/batches/${batch.body.id}`);
      return body.inFlight === 0 ? (body.counts as Record<string, number>) : false;
    });
    expect(counts.vectorized).toBeGreaterThanOrEqual(8);
    expect(counts.failed).toBeGreaterThanOrEqual(5);

    // What is asked about them, well and badly.
    const found = await call("/v1/search", { json: { query: `${person.name} Brentwaldo`, mode: "hybrid", k: 5 } });
    expect(JSON.stringify(found.body)).toContain("Quillandra");
    const recognised = await call("/v1/search", { json: { query: "food challenge passed", mode: "keyword", k: 5 } });
    expect(JSON.stringify(recognised.body)).toContain("food challenge passed");
    const { body: listed } = await call("/v1/documents/query", {
      json: { filter: { patient: `HOSP|${person.record}` }, limit: 50 },
    });
    expect(listed.items.length).toBeGreaterThan(5);
    for (const { id } of listed.items.slice(0, 4)) {
      for (const what of ["content", "facts", "chunks", "events", "why"]) await call(`/v1/documents/${id}/${what}`);
      links.push(String((await call(`/v1/documents/${id}/file`)).body?.url));
    }
    const wrong: [string, Sent][] = [
      ["/v1/search", { json: { query: [person.name], k: person.record } }],
      ["/v1/search", { body: `{"query": "${person.name}`, headers: { "content-type": "application/json" } }],
      ["/v1/documents/query", { json: { filter: { patient: { name: person.name } } } }],
      ["/v1/documents/query", { json: { filter: {}, cursor: `${person.name}` } }],
      ["/v1/batches", { json: { name: `${person.name}\u0000` } }],
      [
        "/v1/documents",
        { body: `--x\r\n${person.name}`, headers: { "content-type": "multipart/form-data; boundary=x" } },
      ],
      ["/v1/documents", { body: person.name, headers: { "content-type": `text/${"Quillandra"}` } }],
      [`/v1/documents?status=${encodeURIComponent(person.name)}`, {}],
      [`/v1/documents/${encodeURIComponent(person.name)}`, {}],
      [`/${encodeURIComponent(person.name)}`, {}],
      ["/v1/search", { json: { query: person.name }, headers: { "x-request-id": person.record } }],
      ["/v1/search", { json: { query: person.name }, headers: { "x-api-key": person.record } }],
      ["/v1/webhooks", { json: { url: `https://${"Quillandra"}.invalid:99999/${person.record}` } }],
      ["/v1/dead-letters/replay", { json: { ids: [person.record] } }],
    ];
    for (const [path, sent] of wrong) await call(path, sent);
    expect(problems.length).toBeGreaterThan(10);
  });

  it("leave no original behind where a parser is killed while it reads", async () => {
    const scan = (await markedFiles()).find(({ name }) => name.endsWith("card.png"));
    const form = new FormData();
    // Other bytes, so that it is another document.
    const bytes = Buffer.concat([scan?.bytes as Buffer, Buffer.from(person.name)]);
    form.append("file", new Blob([bytes as never]), `${person.name}.png`);
    const { body } = await call("/v1/documents", { body: form });
    const { id } = body.documents[0];
    const { recogniser } = (await stack.info()).pids;
    const originals = async () => (await filesIn(join(scratch, String(recogniser)))).length > 0;
    await until(originals);
    await sample();
    process.kill(recogniser as number, "SIGKILL");
    expect(await originals()).toBe(true);
    await until(async () => (await call(`/v1/documents/${id}`)).body.status === "vectorized");
    expect(await readdir(scratch)).not.toContain(String(recogniser));
    await until(async () => (await filesIn(scratch)).length === 0);
  });

  it("were readable to nobody else while they were read", () => {
    expect(lax).toEqual([]);
  });

  it.each(Object.keys(places))("are not in the %s", async (place) => {
    expect(await hitsIn(place)).toEqual([]);
  });
});

/** A leak in each place, as such leaks come about, and in another writing each. */
const leaks: Record<string, () => Promise<unknown>> = {
  "keys of Redis": () => redis.xadd("leak", "*", "job", Buffer.from(`x${person.name}`).toString("base64")),
  "files of Redis": () => redis.hset("leak:job", "data", gzipSync(`{"name":"${person.name}"}`)),
  "logs of the services": async () => logs.push(`parser {"msg":"bad ${encodeURIComponent(person.name)}"}`),
  async metrics() {
    const server = createServer((_, response) => response.end(`x{name="${person.name.toUpperCase()}"} 1`));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    planted.push(() => server.close());
    metricsUrls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  },
  "dead letters": () => supabase.exec("update sluice.dead_letters set reason = 'Vosskuhle'"),
  audit: () =>
    supabase.exec(`insert into sluice.audit_log (organization_id, actor_kind, action, resource_kind, result, detail)
      values (gen_random_uuid(), 'user', 'search', 'document', 'allowed', '{"query": "${Buffer.from("88417-00931").toString("hex")}"}')`),
  "events and usage": () =>
    supabase.exec(`insert into sluice.usage_events (organization_id, provider, model, inputs, tokens, latency_ms)
      select id, 'local', 'Brentwaldo', 1, 1, 1 from sluice.organizations limit 1`),
  "error responses": async () => problems.push(`400 {"errors":[{"message":"got ${person.phone}"}]}`),
  "requests to Supabase": () => fetch(`${proxy.url}/rest/v1/documents?patient=eq.${encodeURIComponent(person.name)}`),
  "links and names of stored objects": async () => links.push(`https://x/${person.name.replace(" ", "%20")}.pdf`),
  async "arguments and environments of processes"() {
    const child = spawn("sleep", ["600"], { env: { PATH: process.env.PATH, PATIENT: person.record }, stdio: "ignore" });
    planted.push(() => child.kill());
    await until(async () => (await readFile(`/proc/${child.pid}/environ`, "latin1")).includes("PATIENT"));
  },
  "temporary files": () => writeFile(join(base, "tmp", "x"), Buffer.from(person.name, "utf16le")),
  async "what is left on disk beside the database and the objects"() {
    const dump = join(home, "core.1");
    await mkdir(dirname(dump), { recursive: true });
    await appendFile(dump, `\u0001\u0002heap ${person.name}\u0000`);
  },
};

describe("a leak that is planted is found", () => {
  it("in every place there is", () => {
    expect(Object.keys(leaks).sort()).toEqual(Object.keys(places).sort());
  });
  it.each(Object.entries(leaks))("in the %s", async (place, leak) => {
    await leak();
    expect(await hitsIn(place)).not.toEqual([]);
  });
});
