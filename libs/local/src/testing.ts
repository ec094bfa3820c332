import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectPostgres, migrationsFolder } from "@sluice/store";
import { createEmbeddedSupabase, databaseUrl } from "./embedded-supabase.js";
import { newSecrets } from "./home.js";
import { freePort } from "./ports.js";
import { createRedis } from "./redis.js";

/** A Redis for one test file. */
export interface TestRedis {
  url: string;
  /** SIGKILL; it comes back by itself on the same port unless `stop` was called. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  destroy(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  const [port, password] = [await freePort(), newSecrets().redisPassword];
  const redis = await createRedis({ folder, port, password, say: () => {} });
  await redis.start();
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    async kill() {
      const pid = await redis.serverPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    },
    stop: () => redis.destroy(),
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
  /** SIGKILL; it comes back by itself on the same port and data. */
  kill(): void;
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

/** A migrated data folder, made by whoever needs it first; two at once make two, and one of them stays. */
async function template(): Promise<string> {
  const path = join(tmpdir(), `sluice-template-${await templateKey()}`);
  if (existsSync(path)) return path;
  const folder = await mkdtemp(join(tmpdir(), "sluice-template-making-"));
  const supabase = createEmbeddedSupabase({
    folder,
    socketFolder: null,
    port: await freePort(),
    secrets: newSecrets(),
    say: () => {},
  });
  await supabase.start();
  await supabase.destroy();
  await rename(folder, path).catch(() => rm(folder, { recursive: true, force: true }));
  return path;
}

export async function startTestSupabase(): Promise<TestSupabase> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-supabase-"));
  await cp(await template(), folder, { recursive: true });
  const [secrets, port] = [newSecrets(), await freePort()];
  const supabase = createEmbeddedSupabase({ folder, socketFolder: folder, port, secrets, say: () => {} });
  await supabase.start();
  const url = databaseUrl(folder);
  return {
    url: `http://127.0.0.1:${port}`,
    secretKey: secrets.secretKey,
    publishableKey: secrets.publishableKey,
    jwtSecret: secrets.jwtSecret,
    databaseUrl: url,
    async query<T>(sql: string, params: unknown[] = []) {
      const db = await connectPostgres(url);
      try {
        return await db.query<T>(sql, params);
      } finally {
        await db.destroy();
      }
    },
    kill() {
      const pid = supabase.pid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    },
    stop: () => supabase.destroy(),
    async destroy() {
      await supabase.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
