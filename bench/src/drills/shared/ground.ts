import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createStack,
  type StackInfo,
  startTestRedis,
  startTestSupabase,
  type TestRedis,
  type TestSupabase,
} from "@sluice/local";
import { createStore, type Store } from "@sluice/store";
import { type Client, createClient } from "./client.js";
import type { Prepared } from "./drill.js";
import { dimensions, type Provider, startProvider } from "./provider.js";
import { type FaultyProxy, startProxy } from "./proxy.js";
import { type RedisCluster, startRedisCluster } from "./redis-cluster.js";

/** The whole stack as processes of its own, with what can be made to fail within reach. */
export interface Ground {
  redis: TestRedis;
  /** Where the drill asked for one. */
  cluster: RedisCluster | null;
  gatewayUrl: string;
  apiKey: string;
  /** Asked directly, past the proxy. */
  supabase: TestSupabase;
  store: Store;
  /** Between all services and Supabase. */
  proxy: FaultyProxy;
  provider: Provider;
  client: Client;
  organizationId: string;
  /** The services as they are now, by name. */
  pids(): Promise<Record<string, number>>;
  restarts(): Promise<number>;
  /** Lines of the services' logs that say the books are off. */
  alarms(): number;
  /** Lines by the message they carry. */
  said(message: string): number;
  /** Leaves no process, port or folder; answers the processes that were left all the same. */
  destroy(): Promise<number[]>;
}

const workers = { parsers: 2, recognisers: 1, chunkers: 2, embedders: 2 };
/** Short enough that a drill sees it run out, long enough for a busy machine. */
export const leaseMs = 6_000;

const serviceNames = ["supervisor", "gateway", "parser", "recogniser", "chunker", "embedder"];
const isService = (name: string) => serviceNames.includes(name.split(".")[0] ?? "");

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function openGround(options: {
  signal: AbortSignal;
  random: () => number;
  env?: Record<string, string>;
  /** Made by the caller, for all that is not Redis's or Supabase's. */
  folder: string;
  prepared: Prepared;
  /** In place of the one Redis. */
  cluster?: boolean;
  logFile?: string;
}): Promise<Ground> {
  const closers: (() => Promise<unknown>)[] = [];
  const seen = new Set<number>();
  const counts = new Map<string, number>();
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: "a" });
  let closing: Promise<number[]> | undefined;
  const destroy = () => {
    closing ??= (async () => {
      // What was stopped can't be asked to end.
      for (const pid of seen) if (exists(pid)) signalGroup(pid, "SIGCONT");
      for (const close of closers.reverse()) await close().catch((error: Error) => console.error(error.message));
      log?.end();
      for (let i = 0; i < 50 && [...seen].some(exists); i++) await sleep(100);
      return [...seen].filter(exists);
    })();
    return closing;
  };
  /** Remembers how to take it back before anything else can fail. */
  const keep = <T extends { destroy(): Promise<unknown> }>(resource: T): T => {
    closers.push(() => resource.destroy());
    return resource;
  };

  try {
    const { folder, prepared } = options;
    const at = { parent: prepared.dataFolder };
    options.signal.throwIfAborted();
    const redis = keep(await startTestRedis(at));
    const cluster = options.cluster === true ? keep(await startRedisCluster()) : null;
    const supabase = keep(await startTestSupabase(at));
    const [proxy, provider] = [keep(await startProxy(supabase.url)), keep(await startProvider())];
    options.signal.throwIfAborted();
    const stack = keep(
      createStack({
        home: join(folder, "home"),
        workers,
        graceMs: 5_000,
        override: prepared.override,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          SUPABASE_URL: proxy.url,
          SUPABASE_SECRET_KEY: supabase.secretKey,
          SUPABASE_PUBLISHABLE_KEY: supabase.publishableKey,
          SUPABASE_JWT_SECRET: supabase.jwtSecret,
          REDIS_URL: cluster?.url ?? redis.url,
          REDIS_CLUSTER: String(cluster !== null),
          EMBEDDING_PROVIDER: "openai",
          OPENAI_API_KEY: "drill",
          OPENAI_BASE_URL: provider.url,
          EMBEDDING_DIMENSIONS: String(dimensions),
          EMBEDDING_TIMEOUT_MS: "4000",
          WORKER_LEASE_MS: String(leaseMs),
          PARSER_SCRATCH: join(folder, "scratch"),
          // Leftovers are looked for at the end of each drill.
          SWEEP_INTERVAL_MS: "3000",
          // Books are kept of what the drill sends alone.
          HEARTBEAT_INTERVAL_MS: "0",
          ...options.env,
        },
        log(source, line) {
          log?.write(`${source} ${line}\n`);
          const message = /"msg":"([^"]+)"/.exec(line)?.[1];
          if (message !== undefined) counts.set(message, (counts.get(message) ?? 0) + 1);
        },
      }),
    );
    const info = await stack.start();
    const remember = (now: StackInfo) => {
      for (const pid of Object.values(now.pids)) seen.add(pid);
      return Object.fromEntries(Object.entries(now.pids).filter(([name]) => isService(name)));
    };
    remember(info);
    const client = keep(
      await createClient({
        gatewayUrl: info.gatewayUrl,
        apiKey: info.apiKey,
        journalFile: join(folder, "accepted.ndjson"),
        signal: options.signal,
        random: options.random,
      }),
    );
    return {
      redis,
      cluster,
      gatewayUrl: info.gatewayUrl,
      apiKey: info.apiKey,
      supabase,
      store: createStore({ url: supabase.url, secretKey: supabase.secretKey }),
      proxy,
      provider,
      client,
      organizationId: info.organizationId,
      pids: async () => remember(await stack.info()),
      restarts: async () => Object.values((await stack.info()).restarts).reduce((sum, n) => sum + n, 0),
      alarms: () => (counts.get("ledger.findings") ?? 0) + (counts.get("ledger.miscounted") ?? 0),
      said: (message) => counts.get(message) ?? 0,
      destroy,
    };
  } catch (error) {
    await destroy();
    throw error;
  }
}

/** To a service and the processes it has started; a process that is gone is well. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** The process that a worker's name tells of: `<service>-<pid>-<when>`. */
export function pidOf(worker: string): number {
  return Number(/-(\d+)-[^-]+$/.exec(worker)?.[1]);
}
