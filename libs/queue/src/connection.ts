import { ConfigError, type ConfigOf, variable } from "@sluice/runtime";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { z } from "zod";

const addresses = z
  .string()
  .default("")
  .transform((text, context) =>
    text
      .split(/[\s,]+/)
      .filter((each) => each !== "")
      .map((each) => {
        const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(each) ?? [];
        if (host === undefined) context.addIssue({ code: "custom", message: "must be host:port, host:port …" });
        return { host: host ?? "", port: Number(port) };
      }),
  );

export const queueConfig = {
  url: variable(
    "REDIS_URL",
    z.string().regex(/^rediss?:\/\//, "must begin with redis:// or rediss://"),
    "Redis 7 or Valkey, with its user and password; rediss:// for TLS. noeviction and AOF. Of a cluster any node; of Sentinel what the master is asked for.",
    { secret: true, wire: true },
  ),
  prefix: variable(
    "QUEUE_PREFIX",
    z
      .string()
      .regex(/^[\w-]+$/)
      .default("sluice"),
    "What the queues' keys begin with.",
  ),
  cluster: variable(
    "REDIS_CLUSTER",
    z.stringbool().default(false),
    "Whether REDIS_URL is a node of a Redis Cluster; the queues are spread over its masters.",
  ),
  sentinels: variable(
    "REDIS_SENTINELS",
    addresses,
    "Sentinels (host:port, …) that know the master; none unless given.",
  ),
  sentinelName: variable("REDIS_SENTINEL_NAME", z.string().default("mymaster"), "What the Sentinels call the master."),
  sentinelPassword: variable("REDIS_SENTINEL_PASSWORD", z.string().optional(), "The Sentinels' password.", {
    secret: true,
  }),
  ca: variable(
    "REDIS_TLS_CA",
    z.string().optional(),
    "PEM of the authority that signed Redis' certificate, where it is one's own.",
  ),
};
export type RedisConfig = Omit<ConfigOf<typeof queueConfig>, "prefix">;

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** What every stage's worker is told beside its queue. */
export const workerConfig = {
  leaseMs: variable(
    "WORKER_LEASE_MS",
    positive(30_000),
    "A worker that does not renew within this is taken for dead; milliseconds.",
  ),
  maxDeaths: variable(
    "WORKER_MAX_DEATHS",
    positive(5),
    "Workers that may die on a document before it becomes a dead letter; after the first death it is run alone.",
  ),
};

/** Each queue has a hash tag of its own, so that a cluster spreads them. */
export function keyPrefix(prefix: string, queue: string): string {
  return `{${prefix}-${queue}}`;
}

export type Connection = Redis | Cluster;

/**
 * A connection that goes on trying to reach Redis. `patient` commands wait for it, as BullMQ's blocking ones must; the others fail at
 * once while it is away, so that a request never hangs on a hint.
 */
export function connect(config: RedisConfig, mode: "patient" | "impatient"): Connection {
  const isPatient = mode === "patient";
  const url = new URL(config.url);
  const again = (attempt: number) => Math.min(2_000, 50 * 2 ** Math.min(attempt, 6));
  const tls = url.protocol === "rediss:" ? { tls: config.ca === undefined ? {} : { ca: config.ca } } : {};
  const node: RedisOptions = {
    username: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    maxRetriesPerRequest: isPatient ? null : 0,
    connectTimeout: 5_000,
    disconnectTimeout: 200,
    ...tls,
  };
  const address = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379) };
  const db = Number(url.pathname.slice(1)) || 0;
  const single: RedisOptions = { ...node, db, enableOfflineQueue: isPatient, retryStrategy: again };
  const redis = config.cluster
    ? new Cluster([address], {
        redisOptions: node,
        enableOfflineQueue: isPatient,
        clusterRetryStrategy: again,
        // What fails over takes a while; a command that waits for it is one that is patient.
        maxRedirections: isPatient ? 64 : 4,
        ...(isPatient ? { retryDelayOnFailover: 250, retryDelayOnClusterDown: 250 } : {}),
        dnsLookup: (name, callback) => callback(null, name),
      })
    : config.sentinels.length > 0
      ? new Redis({
          ...single,
          sentinels: config.sentinels,
          name: config.sentinelName,
          sentinelPassword: config.sentinelPassword,
          sentinelRetryStrategy: again,
          ...(url.protocol === "rediss:" ? { enableTLSForSentinelMode: true, sentinelTLS: tls.tls } : {}),
        })
      : new Redis({ ...single, ...address });
  // Whoever uses the connection sees its failures; an "error" event without a listener would end the process.
  redis.on("error", () => {});
  return redis;
}

/**
 * Refuses a Redis that may throw jobs away when its memory is full: what it forgets is found again, but slowly, and over and over. Throws a
 * ConfigError; one that can't be asked is not refused.
 */
export async function refuseEviction(config: RedisConfig): Promise<void> {
  const redis = connect(config, "impatient");
  try {
    await within(reached(redis), 3_000);
    const nodes = redis instanceof Cluster ? redis.nodes("master") : [redis];
    for (const node of nodes) {
      const policy = /^maxmemory_policy:(\S+)/m.exec(await within(node.info("memory"), 3_000))?.[1];
      if (policy !== undefined && policy !== "noeviction")
        throw new ConfigError([
          { name: "REDIS_URL", problem: `this Redis has maxmemory-policy ${policy}; it must be noeviction` },
        ]);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
  } finally {
    await disconnect(redis);
  }
}

function reached(redis: Connection): Promise<void> {
  return redis.status === "ready" ? Promise.resolve() : new Promise((resolve) => redis.once("ready", () => resolve()));
}

/** What was promised, or a failure with the code ETIMEDOUT when that takes longer. */
export function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("redis did not answer"), { code: "ETIMEDOUT" })), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Closes without waiting for a Redis that may be gone. */
export async function disconnect(redis: Connection): Promise<void> {
  if (redis.status === "ready") {
    await Promise.race([redis.quit().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 500).unref())]);
  }
  redis.disconnect();
}
