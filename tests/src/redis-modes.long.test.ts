import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "@jest/globals";
import { queueConfig, refuseEviction } from "@sluice/queue";
import { readConfig } from "@sluice/runtime";
import { expectWhole, until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";
import { type RedisServer, startRedisServer } from "./support/redis-server.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

let servers: RedisServer[] = [];
let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.destroy();
  pipeline = undefined;
  await Promise.all(servers.map((server) => server.destroy()));
  servers = [];
});

async function run(
  env: Record<string, string>,
  meanwhile: (i: number) => Promise<void> = async () => {},
): Promise<void> {
  pipeline = await createPipeline(env);
  const scope = await pipeline.organization();
  await pipeline.start("parser", "chunker", "embedder", "supervisor");
  for (let i = 0; i < 12; i++) {
    await pipeline.submit(scope, `Note ${i}: walked ${i} metres.`);
    await meanwhile(i);
  }
  await expectWhole(pipeline, scope, 12);
}

it("works on a cluster, its queues spread over the masters", async () => {
  const cluster = ["cluster-enabled yes", "cluster-node-timeout 1000"];
  servers = await Promise.all([0, 1, 2].map(() => startRedisServer(cluster)));
  const [first, second, third] = servers as [RedisServer, RedisServer, RedisServer];
  const slots = [0, 5461, 10923, 16384];
  for (const [i, server] of servers.entries())
    await server.ask("CLUSTER", "ADDSLOTSRANGE", slots[i] ?? 0, (slots[i + 1] ?? 0) - 1);
  for (const other of [second, third]) await first.ask("CLUSTER", "MEET", "127.0.0.1", other.port);
  const isWhole = async (server: RedisServer) =>
    /cluster_state:ok[\s\S]*cluster_size:3/.test(String(await server.ask("CLUSTER", "INFO")));
  await until(async () => (await Promise.all(servers.map(isWhole))).every(Boolean));
  const seen = new Set<number>();
  await run({ REDIS_URL: `redis://127.0.0.1:${first.port}`, REDIS_CLUSTER: "true" }, async () => {
    for (const server of servers) if (Number(await server.ask("DBSIZE")) > 0) seen.add(server.port);
  });
  expect(seen.size).toBeGreaterThan(1);
});

it("follows Sentinel to another master when the one it has dies", async () => {
  const master = await startRedisServer([]);
  const replica = await startRedisServer([`replicaof 127.0.0.1 ${master.port}`]);
  const sentinel = await startRedisServer(
    [
      `sentinel monitor clinic 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds clinic 500",
      "sentinel failover-timeout clinic 2000",
    ],
    { args: ["--sentinel"] },
  );
  servers = [master, replica, sentinel];
  await until(async () => /master_link_status:up/.test(String(await replica.ask("INFO", "replication"))));
  await until(async () => /slaves=1/.test(String(await sentinel.ask("INFO", "sentinel"))));
  const env = {
    REDIS_URL: "redis://unused",
    REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`,
    REDIS_SENTINEL_NAME: "clinic",
  };
  await run(env, async (i) => {
    if (i === 5) await master.kill();
  });
  await until(async () => /role:master/.test(String(await replica.ask("INFO", "replication"))));
});

it("speaks TLS, as a user with a password that may do no more than it has to", async () => {
  const [ca, secret] = [await readFile(fixture("server.crt"), "utf8"), "p%40ss"];
  const acl = ["user default off", "user sluice on >p@ss ~{t* &t*:events +@all -@admin -@dangerous +info"];
  const tls = [
    `tls-cert-file "${fixture("server.crt")}"`,
    `tls-key-file "${fixture("server.key")}"`,
    "tls-auth-clients no",
  ];
  const server = await startRedisServer([...tls, ...acl], {
    tlsOnly: true,
    client: { tls: { ca }, username: "sluice", password: "p@ss" },
  });
  servers = [server];
  await run({ REDIS_URL: `rediss://sluice:${secret}@127.0.0.1:${server.port}`, REDIS_TLS_CA: ca });
});

it("does not start on a Redis that may throw jobs away, and says so", async () => {
  const server = await startRedisServer(["maxmemory 100mb", "maxmemory-policy allkeys-lru"]);
  servers = [server];
  const config = readConfig(queueConfig, { REDIS_URL: `redis://127.0.0.1:${server.port}` });
  await expect(refuseEviction(config)).rejects.toThrow(/maxmemory-policy allkeys-lru; it must be noeviction/);
  await server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
  await refuseEviction(config);
  pipeline = await createPipeline();
  await server.ask("CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
  pipeline.env.REDIS_URL = `redis://127.0.0.1:${server.port}`;
  for (const service of ["chunker", "supervisor"] as const)
    await expect(pipeline.start(service)).rejects.toThrow(/volatile-ttl/);
});
