import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createStack, freePort, type Stack, type StackInfo, startTestSupabase, type TestSupabase } from "@sluice/local";
import { allScopes, createStore } from "@sluice/store";
import { parse, stringify } from "yaml";
import { until } from "./support/checks.js";
import { build } from "./support/kustomize.js";
import { infra, readDashboards, readRules, rulesFolder } from "./support/monitoring.js";

/**
 * All times of the rules and of Alertmanager are divided by this, those in queries and in `for:`, and by half of it thresholds on ages, since the
 * machine is not faster; else ten minutes' outage and the forty-five minutes after it would take as long.
 */
const faster = 12;
const outageMs = 600_000 / faster;

/** A port in front of another one, which can go away. */
async function startDoor(target: number) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((from) => {
    const to = connect(target, "127.0.0.1");
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        from.destroy();
        to.destroy();
      });
    }
    from.pipe(to).pipe(from);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, close, open: () => listen(port) };
}

const seconds = { s: 1, m: 60, h: 3_600, d: 86_400 };
const shorter = (text: string) =>
  text.replace(
    /(\d+)([smhd])/g,
    (_, n: string, unit: keyof typeof seconds) =>
      `${Math.max(1_000, Math.round((Number(n) * seconds[unit] * 1_000) / faster))}ms`,
  );

/** The rules with every time shorter. */
async function writeRules(folder: string): Promise<void> {
  await mkdir(folder);
  for (const file of await readdir(rulesFolder)) {
    const rules = parse(await readFile(rulesFolder + file, "utf8")) as {
      groups: { rules: Record<string, string>[] }[];
    };
    for (const { rules: each } of rules.groups)
      for (const rule of each) {
        if (rule.for !== undefined) rule.for = shorter(rule.for);
        rule.expr = (rule.expr ?? "")
          .replace(/\[\d+[smhd]\]/g, shorter)
          .replace(
            /(_age_seconds\S*(?:\{[^}]*\}|\))? > )(\d+)/,
            (_, left: string, n: string) => left + (2 * Number(n)) / faster,
          );
      }
    await writeFile(join(folder, file), stringify(rules));
  }
}

interface Notification {
  status: string;
  alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

let folder: string;
let supabase: TestSupabase;
let door: Awaited<ReturnType<typeof startDoor>>;
let stack: Stack;
let info: StackInfo;
let apiKey: string;
let prometheus: string;
let receiver: Server;
const pages: Notification[] = [];
const children: ChildProcess[] = [];
const stopLoad = new AbortController();

function start(command: string, args: string[]): void {
  children.push(spawn(command, args, { cwd: folder, stdio: "ignore" }));
}

async function query(expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const answer = await fetch(`${prometheus}/api/v1/query`, {
    method: "POST",
    body: new URLSearchParams({ query: expr }),
  });
  const { status, data, error } = (await answer.json()) as {
    status: string;
    data: { result: never[] };
    error?: string;
  };
  if (status !== "success") throw new Error(`${expr}: ${error}`);
  return data.result;
}

let sent = 0;
async function send(count: number, batchId?: string): Promise<void> {
  const form = new FormData();
  if (batchId !== undefined) form.set("batchId", batchId);
  for (let i = 0; i < count; i++) {
    sent += 1;
    form.append(
      "file",
      new Blob([`Progress note ${sent}. Wound dry and closed.`], { type: "text/plain" }),
      `${sent}.txt`,
    );
  }
  const headers = { "x-api-key": apiKey };
  const answer = await fetch(`${info.gatewayUrl}/v1/documents`, { method: "POST", headers, body: form });
  await answer.arrayBuffer();
}

/** Somebody's documents, one at a time, and a backfill beside them; whatever is answered. */
async function load(): Promise<void> {
  const headers = { "x-api-key": apiKey, "content-type": "application/json" };
  const batch = await fetch(`${info.gatewayUrl}/v1/batches`, { method: "POST", headers, body: '{"name":"backfill"}' });
  const { id } = (await batch.json()) as { id: string };
  while (!stopLoad.signal.aborted) {
    await send(1).catch(() => {});
    await send(3, id).catch(() => {});
    const body = '{"query":"wound","k":3}';
    await fetch(`${info.gatewayUrl}/v1/search`, { method: "POST", headers, body })
      .then((answer) => answer.arrayBuffer())
      .catch(() => {});
    await sleep(1_000);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-alerting-"));
  supabase = await startTestSupabase();
  await supabase.query(
    "create or replace function sluice.searchable_soonest() returns integer language sql immutable as $$ select 20 $$",
  );
  door = await startDoor(Number(new URL(supabase.url).port));
  stack = createStack({
    home: join(folder, "home"),
    port: await freePort(),
    env: {
      PATH: process.env.PATH,
      SUPABASE_URL: `http://127.0.0.1:${door.port}`,
      SUPABASE_SECRET_KEY: supabase.secretKey,
      SUPABASE_PUBLISHABLE_KEY: supabase.publishableKey,
      HEARTBEAT_INTERVAL_MS: String(60_000 / faster),
    },
    log: () => {},
  });
  info = await stack.start();
  const { apiKeys } = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  const expiresAt = new Date(Date.now() + 30 * 86_400_000);
  const { organizationId } = info;
  apiKey = (await apiKeys.asOperator.create({ organizationId, name: "load", scopes: allScopes, expiresAt })).key;

  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      if (request.url === "/page") pages.push(JSON.parse(Buffer.concat(chunks).toString()) as Notification);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const hooks = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const alertmanager = (await readFile(`${infra}prometheus/alertmanager.yml`, "utf8"))
    .replaceAll("http://127.0.0.1:9095", hooks)
    .replace(/(group_wait|group_interval|repeat_interval): \d+[smh]/g, shorter);
  await writeFile(join(folder, "alertmanager.yml"), alertmanager);
  await writeRules(join(folder, "rules"));
  const [prometheusPort, alertmanagerPort] = [await freePort(), await freePort()];
  const configuration = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["rules/*.yml"],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
    scrape_configs: Object.entries(info.metricsUrls).map(([name, url]) => ({
      job_name: name,
      static_configs: [{ targets: [new URL(url).host] }],
    })),
  };
  await writeFile(join(folder, "prometheus.yml"), stringify(configuration));
  prometheus = `http://127.0.0.1:${prometheusPort}`;
  start("prometheus", [
    "--config.file=prometheus.yml",
    "--storage.tsdb.path=series",
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
  ]);
  const isDebian = spawnSync("prometheus-alertmanager", ["--version"]).status === 0;
  start(isDebian ? "prometheus-alertmanager" : "alertmanager", [
    "--config.file=alertmanager.yml",
    "--storage.path=silences",
    "--cluster.listen-address=",
    `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
  ]);
  for (const url of [prometheus, `http://127.0.0.1:${alertmanagerPort}`])
    await until(() =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  void load();
});
afterAll(async () => {
  stopLoad.abort();
  for (const child of children) {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  }
  await stack?.destroy();
  await door?.close();
  await supabase?.destroy();
  receiver?.closeAllConnections();
  receiver?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Which of them have no data by now; after two minutes they are said to have none. */
async function withoutData(expressions: string[]): Promise<string[]> {
  let left = expressions;
  for (let i = 0; i < 120 && left.length > 0; i++) {
    const found = await Promise.all(left.map(async (each) => (await query(each)).length > 0));
    left = left.filter((_, place) => found[place] !== true);
    if (left.length > 0) await sleep(1_000);
  }
  return left;
}

describe("what a real Prometheus sees of a stack under load", () => {
  /** Nothing here is reached by TLS, and a breaker is there only while it is open. */
  const rare = new Set(["sluice_certificate_expiry_seconds", "sluice_circuit_breakers_open"]);

  it("is something for every rule, and for everything that an alert looks at", async () => {
    const rules = readRules();
    // An alert has something to show when it fires; that it parses is what is asked here.
    for (const { expr } of rules) await query(expr);
    for (const { kind, spec } of build(`${infra}k8s/base`))
      if (kind === "ScaledObject")
        for (const { metadata } of spec.triggers) if (metadata.query !== undefined) await query(metadata.query);
    const looked = rules.flatMap(
      ({ expr }) =>
        expr.replace(/"[^"]*"/g, "").match(/[a-z_]+:[a-z_]+:[a-z0-9_]+|\b(?:sluice|nodejs|process)_[a-z0-9_]+/g) ?? [],
    );
    const records = rules.flatMap(({ record }) => record ?? []);
    const names = [...new Set([...looked, ...records])].filter((name) => !rare.has(name));
    expect(await withoutData(names)).toEqual([]);
  });

  it("is something for every query of every panel", async () => {
    const panels = readDashboards().flatMap((dashboard) => dashboard.panels);
    expect(await withoutData(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))).toEqual([]);
  });
});

describe("Supabase down for ten minutes in the middle of a backfill", () => {
  it("is one page with its runbook link, and clears by itself", async () => {
    // What was slow while all of it started is not what is asked here.
    await until(async () => (await query('ALERTS{severity="page"}')).length === 0);
    await sleep(30_000);
    pages.length = 0;
    await door.close();
    await sleep(outageMs);
    await door.open();
    // Until what looks back has forgotten it: forty-five minutes, and some.
    await sleep((50 * 60_000) / faster);
    const firing = pages.filter(({ status }) => status === "firing");
    expect(firing.map(({ alerts }) => alerts.map(({ labels }) => labels.alertname))).toEqual([["SluiceDatabaseDown"]]);
    expect(firing[0]?.alerts[0]?.annotations.runbook_url).toBe("docs/runbook.md#sluicedatabasedown");
    expect(pages.at(-1)?.status).toBe("resolved");
    expect((await query('ALERTS{severity="page", alertstate="firing"}')).map(({ metric }) => metric.alertname)).toEqual(
      [],
    );
    const { organizationId } = info;
    const store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
    expect((await store.supervision.ledger(organizationId)).imbalance).toBe(0);
  }, 900_000);
});
