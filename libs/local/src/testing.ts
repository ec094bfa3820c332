import { createHash, randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { takeLock } from "@sluice/runtime";
import { connectPostgres, migrationsFolder, type SqlRunner } from "@sluice/store";
import { createEmbeddedSupabase, databaseUrl } from "./embedded-supabase.js";
import { newSecrets } from "./home.js";
import { freePort } from "./ports.js";
import { createRedis } from "./redis.js";

/** Longest to wait for another process that makes the template. */
const templateMs = 120_000;

/** A Redis for one test file. */
export interface TestRedis {
  url: string;
  /** SIGKILL; it comes back by itself on the same port unless `stop` was called. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, and it stays away until `start`, which returns when it is back with what it had on disk. */
  crash(): Promise<void>;
  start(): Promise<void>;
  destroy(): Promise<void>;
}

/**
 * Servers that the tests use in place of their own: a PostgreSQL with pgvector (each file makes its database on it) and a Redis
 * (each file has its own key prefix). `npm run test:containers` sets them. What kills a server or flushes it is skipped by those tests.
 */
export const givenServers = {
  postgresUrl: process.env.SLUICE_TEST_POSTGRES_URL,
  redisUrl: process.env.SLUICE_TEST_REDIS_URL,
};

const cannotStop = () => {
  throw new Error("This server is not the test's own.");
};

/** Where its folder is made; among other temporary ones where it is not said. */
interface Place {
  parent?: string;
}

export async function startTestRedis({ parent = tmpdir() }: Place = {}): Promise<TestRedis> {
  if (givenServers.redisUrl !== undefined) {
    return {
      url: givenServers.redisUrl,
      kill: cannotStop,
      stop: cannotStop,
      crash: cannotStop,
      start: cannotStop,
      destroy: async () => {},
    };
  }
  const folder = await mkdtemp(join(parent, "sluice-redis-"));
  const [port, password] = [await freePort(), newSecrets().redisPassword];
  const create = () => createRedis({ folder, port, password, say: () => {} });
  let redis = await create();
  await redis.start();
  const kill = async () => {
    const pid = await redis.serverPid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  };
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    kill,
    stop: () => redis.destroy(),
    async crash() {
      await kill();
      // What guards it sees its end and would start another.
      await redis.destroy();
    },
    async start() {
      redis = await create();
      await redis.start();
    },
    async destroy() {
      await redis.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A migrated Supabase for one test file. */
export interface TestSupabase {
  url: string;
  secretKey: string;
  publishableKey: string;
  jwtSecret: string;
  databaseUrl: string;
  query<T>(sql: string, params?: unknown[]): Promise<T[]>;
  /** Several statements at once. */
  exec(sql: string): Promise<void>;
  /** SIGKILL; it comes back by itself on the same port and data. */
  kill(): void;
  /** SIGKILL, and returns when it is back. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  destroy(): Promise<void>;
}

/** What a migrated data folder depends on. */
async function templateKey(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(migrationsFolder)).sort())
    hash.update(file).update(await readFile(join(migrationsFolder, file)));
  for (const name of ["@supabase/lite", "@electric-sql/pglite"])
    hash.update(await readFile(new URL("../package.json", import.meta.resolve(name))));
  return hash.digest("hex").slice(0, 16);
}

/** A migrated data folder, made once by whoever needs it first; the others wait. */
async function template(): Promise<string> {
  const prefix = `sluice-template-${userInfo().uid}-`;
  const path = join(tmpdir(), prefix + (await templateKey()));
  if (existsSync(path)) return path;
  const lock = await takeLock(`${path}.lock`, templateMs);
  try {
    if (existsSync(path)) return path;
    const folder = await mkdtemp(join(tmpdir(), "sluice-template-making-"));
    const supabase = createEmbeddedSupabase({
      folder,
      socketFolder: null,
      port: await freePort(),
      secrets: newSecrets(),
      say: () => {},
    });
    try {
      await supabase.start();
      await supabase.destroy();
      await rename(folder, path);
      await removeOld(prefix);
    } finally {
      await supabase.destroy();
      await rm(folder, { recursive: true, force: true });
    }
    return path;
  } finally {
    await lock.release();
  }
}

/** A database of the file's own on the given server; none where tests run on PGlite. */
async function ownDatabase(serverUrl: string | undefined): Promise<string | undefined> {
  if (serverUrl === undefined) return undefined;
  const name = `sluice_${randomBytes(8).toString("hex")}`;
  const server = await connectPostgres(serverUrl);
  await server.exec(`create database ${name}`).finally(() => server.destroy());
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Templates of other migrations, when they are a day old. */
async function removeOld(prefix: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const path = join(tmpdir(), name);
    if (!name.startsWith(prefix)) continue;
    // Another process's lock may be gone by now.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs < 86_400_000) continue;
    await rm(path, { recursive: true, force: true });
  }
}

export async function startTestSupabase({
  parent = tmpdir(),
  postgresUrl: serverUrl = givenServers.postgresUrl,
  ...options
}: Place & { sqlIdleMs?: number; postgresUrl?: string } = {}): Promise<TestSupabase> {
  const folder = await mkdtemp(join(parent, "sluice-supabase-"));
  const postgresUrl = await ownDatabase(serverUrl);
  if (postgresUrl === undefined) {
    const from = join(await template(), "postgres");
    await cp(from, join(folder, "postgres"), { recursive: true, mode: constants.COPYFILE_FICLONE });
  }
  const [secrets, port] = [newSecrets(), await freePort()];
  const socketFolder = postgresUrl === undefined ? folder : null;
  const supabase = createEmbeddedSupabase({
    ...options,
    folder,
    socketFolder,
    postgresUrl,
    port,
    secrets,
    say: () => {},
  });
  const destroy = async () => {
    await supabase.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await supabase.start();
  } catch (error) {
    await destroy();
    throw error;
  }
  const url = postgresUrl ?? databaseUrl(folder);
  const withDatabase = async <T>(work: (db: SqlRunner) => Promise<T>) => {
    const db = await connectPostgres(url);
    try {
      return await work(db);
    } finally {
      await db.destroy();
    }
  };
  const kill = () => {
    const pid = supabase.pid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  };
  return {
    url: `http://127.0.0.1:${port}`,
    secretKey: secrets.secretKey,
    publishableKey: secrets.publishableKey,
    jwtSecret: secrets.jwtSecret,
    databaseUrl: url,
    query: <T>(sql: string, params: unknown[] = []) => withDatabase((db) => db.query<T>(sql, params)),
    exec: (sql) => withDatabase(async (db) => void (await db.exec(sql))),
    kill,
    async restart() {
      const died = supabase.died();
      kill();
      await died;
      await supabase.ready();
    },
    stop: () => supabase.destroy(),
    destroy,
  };
}
