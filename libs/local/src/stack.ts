import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { allScopes, createStore } from "@sluice/store";
import { createEmbeddedSupabase, databaseUrl, objectsFolder } from "./embedded-supabase.js";
import { type Home, newSecrets, openHome, type Secrets, socketFolder } from "./home.js";
import { freePort } from "./ports.js";
import { createRedis, retireStaleRedis } from "./redis.js";
import { createService, type RunningService, type ServiceName, type ServiceOverride } from "./services.js";
import type { Supervised } from "./supervised.js";

export interface StackOptions {
  /** `.sluice`: data, secrets, `local.json`. */
  home: string;
  /** Processes a stage; one each where not said. */
  workers?: { parsers?: number; recognisers?: number; chunkers?: number; embedders?: number };
  /** The gateway's port; a free one where it is taken. */
  port?: number;
  /** What the services are told beside where things are; SUPABASE_URL and its keys, or REDIS_URL, take the place of the embedded ones. */
  env?: NodeJS.ProcessEnv;
  /** What one process is told besides, and runs in place of this tree's code; asked by its name whenever it is started. */
  override?: (name: string) => ServiceOverride;
  /** Time for work under way on a stop; milliseconds. */
  graceMs?: number;
  /** Every line that a process says, and the stack itself as `stack`. */
  log: (source: string, line: string) => void;
}

/** What `local.json` holds. */
export interface StackInfo {
  gatewayUrl: string;
  supabaseUrl: string;
  supabasePublishableKey: string;
  supabaseSecretKey: string;
  databaseUrl: string | null;
  redisUrl: string;
  organizationId: string;
  apiKey: string;
  metricsUrls: Record<string, string>;
  pids: Record<string, number>;
  restarts: Record<string, number>;
}

export interface Stack {
  start(): Promise<StackInfo>;
  /** As it is now: pids and restarts change. */
  info(): Promise<StackInfo>;
  /** Services first, then Supabase, then Redis; leaves no process. Idempotent. */
  destroy(): Promise<void>;
}

interface Ports {
  gateway?: number;
  supabase?: number;
  redis?: number;
}

const infoMs = 2_000;

/** In the home: signed heads of the audit's chain. */
const anchorFile = "audit-anchors.jsonl";

/** The whole of Sluice on one machine: Redis, Supabase and every service as processes of their own. */
export function createStack(options: StackOptions): Stack {
  // Set to nothing is not set, as in a Compose file.
  const env = Object.fromEntries(Object.entries(options.env ?? {}).filter(([, value]) => value !== ""));
  const running: Supervised[] = [];
  const services: RunningService[] = [];
  let home: Home | undefined;
  let redisPid: () => Promise<number | undefined> = async () => undefined;
  let fixed: Omit<StackInfo, "metricsUrls" | "pids" | "restarts"> | undefined;
  let refreshing: NodeJS.Timeout | undefined;
  let destroying: Promise<void> | undefined;
  const say = (line: string) => options.log("stack", line);

  async function run<T extends Supervised>(process: T): Promise<T> {
    // Before it is started, so that a stop in the middle of a start finds it.
    running.push(process);
    await process.start();
    return process;
  }

  async function startRedis(at: Home, secrets: Secrets, ports: Ports): Promise<string> {
    if (env.REDIS_URL !== undefined) return env.REDIS_URL;
    await retireStaleRedis(at.folder("redis"));
    ports.redis = await freePort(ports.redis ?? 6379);
    const redis = await run(
      await createRedis({ folder: at.folder("redis"), port: ports.redis, password: secrets.redisPassword, say }),
    );
    redisPid = () => redis.serverPid();
    return `redis://:${secrets.redisPassword}@127.0.0.1:${ports.redis}`;
  }

  async function startSupabase(at: Home, secrets: Secrets, ports: Ports) {
    if (env.SUPABASE_URL !== undefined) {
      const given = {
        supabaseUrl: env.SUPABASE_URL,
        supabaseSecretKey: env.SUPABASE_SECRET_KEY,
        supabasePublishableKey: env.SUPABASE_PUBLISHABLE_KEY ?? "",
      };
      if (given.supabaseSecretKey === undefined) throw new Error("SUPABASE_URL is set, SUPABASE_SECRET_KEY is not.");
      return { ...given, supabaseSecretKey: given.supabaseSecretKey, databaseUrl: env.SUPABASE_DB_URL ?? null };
    }
    ports.supabase = await freePort(ports.supabase);
    const sockets = await socketFolder(at.path);
    await run(createEmbeddedSupabase({ folder: at.path, socketFolder: sockets, port: ports.supabase, secrets, say }));
    return {
      supabaseUrl: `http://127.0.0.1:${ports.supabase}`,
      supabaseSecretKey: secrets.secretKey,
      supabasePublishableKey: secrets.publishableKey,
      databaseUrl: databaseUrl(sockets),
    };
  }

  /** The local organization and its key are made once; a crash in between leaves an organization without a key, which harms nobody. */
  async function localOrganization(
    at: Home,
    secrets: Secrets,
    supabase: { supabaseUrl: string; supabaseSecretKey: string },
  ) {
    const { tenancy, apiKeys } = createStore({ url: supabase.supabaseUrl, secretKey: supabase.supabaseSecretKey });
    if (secrets.apiKey !== undefined && secrets.organizationId !== undefined) {
      if ((await apiKeys.authenticate(secrets.apiKey)) !== null)
        return { organizationId: secrets.organizationId, apiKey: secrets.apiKey };
    }
    const { id } = await tenancy.createOrganization({ name: "local" });
    const { key } = await apiKeys.asOperator.create({ organizationId: id, name: "local", scopes: allScopes });
    await at.write("secrets.json", { ...secrets, organizationId: id, apiKey: key });
    return { organizationId: id, apiKey: key };
  }

  async function startServices(
    at: Home,
    given: Omit<StackInfo, "metricsUrls" | "pids" | "restarts" | "gatewayUrl">,
    secrets: Secrets,
    port: number,
  ): Promise<void> {
    const { parsers = 1, recognisers = 1, chunkers = 1, embedders = 1 } = options.workers ?? {};
    // Pages are recognised by the parser's code in processes of their own, so that a pile of faxes never delays text.
    const planned: { name: string; service: ServiceName; count: number; env?: NodeJS.ProcessEnv }[] = [
      { name: "supervisor", service: "supervisor", count: 1 },
      { name: "gateway", service: "gateway", count: 1 },
      { name: "parser", service: "parser", count: parsers, env: { PARSER_QUEUES: "parse" } },
      { name: "recogniser", service: "parser", count: recognisers, env: { PARSER_QUEUES: "ocr" } },
      { name: "chunker", service: "chunker", count: chunkers },
      { name: "embedder", service: "embedder", count: embedders },
    ];
    const shared = {
      ...env,
      SUPABASE_URL: given.supabaseUrl,
      SUPABASE_SECRET_KEY: given.supabaseSecretKey,
      SUPABASE_PUBLISHABLE_KEY: given.supabasePublishableKey,
      REDIS_URL: given.redisUrl,
      // Supabase Lite signs with the secret, keeps files in a folder, and has no second factors.
      ...(env.SUPABASE_URL === undefined
        ? { SUPABASE_JWT_SECRET: secrets.jwtSecret, STORAGE_FOLDER: objectsFolder(at.path), AUTH_MFA: "off" }
        : {}),
      AUDIT_HASH_KEY: env.AUDIT_HASH_KEY ?? secrets.auditHashKey,
      AUDIT_SEAL_KEY: env.AUDIT_SEAL_KEY ?? secrets.auditSealKey,
      AUDIT_ANCHOR_FILE: env.AUDIT_ANCHOR_FILE ?? join(options.home, anchorFile),
    };
    for (const { name, service, count, env: own } of planned) {
      for (let i = 1; i <= count; i++) {
        services.push(
          createService({
            service,
            name: count === 1 ? name : `${name}.${i}`,
            env: { ...shared, ...own, PORT: String(port) },
            override: options.override,
            graceMs: options.graceMs ?? 20_000,
            log: options.log,
          }),
        );
      }
    }
    // Started at once and stopped together.
    running.push(...services);
    await Promise.all(services.map((service) => service.start()));
  }

  async function info(): Promise<StackInfo> {
    if (fixed === undefined) throw new Error("The stack is not started.");
    const pids = Object.fromEntries(
      running.flatMap((each) => (each.pid() === undefined ? [] : [[each.name, each.pid() as number]])),
    );
    const redis = await redisPid();
    if (redis !== undefined) pids.redis = redis;
    return {
      ...fixed,
      metricsUrls: Object.fromEntries(
        services.flatMap((each) => (each.metricsUrl() === undefined ? [] : [[each.name, each.metricsUrl() as string]])),
      ),
      pids,
      restarts: Object.fromEntries(running.map((each) => [each.name, each.restarts()])),
    };
  }

  return {
    async start() {
      home = await openHome(options.home);
      const at = home;
      try {
        // A home of before lacks what was added since.
        const secrets: Secrets = { ...newSecrets(), ...(await at.read<Secrets>("secrets.json")) };
        await at.write("secrets.json", secrets);
        const ports = (await at.read<Ports>("ports.json")) ?? {};
        const [redisUrl, supabase] = await Promise.all([
          startRedis(at, secrets, ports),
          startSupabase(at, secrets, ports),
        ]);
        const organization = await localOrganization(at, secrets, supabase);
        ports.gateway = await freePort(options.port ?? ports.gateway ?? 8080);
        await at.write("ports.json", ports);
        fixed = { gatewayUrl: `http://127.0.0.1:${ports.gateway}`, ...supabase, redisUrl, ...organization };
        await startServices(at, fixed, secrets, ports.gateway);
        let written = await info();
        await at.write("local.json", written);
        refreshing = setInterval(async () => {
          const now = await info();
          if (isDeepStrictEqual(now, written)) return;
          written = now;
          await at.write("local.json", now).catch((error: Error) => say(`local.json: ${error.message}`));
        }, infoMs);
        return written;
      } catch (error) {
        await this.destroy();
        throw error;
      }
    },
    info,
    destroy() {
      destroying ??= (async () => {
        clearInterval(refreshing);
        await Promise.all(services.map((service) => service.destroy()));
        for (const each of [...running].reverse()) await each.destroy();
        await home?.remove("local.json");
        await home?.unlock();
      })();
      return destroying;
    },
  };
}
