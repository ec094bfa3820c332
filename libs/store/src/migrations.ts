import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Any way to a Postgres that can run several statements at once: a `pg` client, or PGlite in the embedded stack. */
export interface SqlRunner {
  exec(sql: string): Promise<unknown>;
  query<T>(sql: string, params?: unknown[]): Promise<T[]>;
}

/** The migrations this build ships with, in the Supabase CLI's layout: `<14-digit version>_<name>.sql`. */
export const migrationsFolder = fileURLToPath(new URL("../../../infra/supabase/migrations", import.meta.url));

// The Supabase CLI's own bookkeeping, so that either tool knows what the other has applied. "If not exists" does not keep two runs at
// once from colliding; the lock, held until the statements' common transaction ends, does.
const bookkeeping = `
  select pg_advisory_xact_lock(hashtext('sluice migrations'));
  create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (version text primary key, statements text[], name text);`;

/**
 * Applies what is not applied yet, in order, each file with its bookkeeping in one transaction. Answers the versions applied now.
 * Two runs at once are safe: the second waits on the lock and finds nothing to do.
 */
export async function applyMigrations(db: SqlRunner, folder = migrationsFolder): Promise<string[]> {
  await db.exec(bookkeeping);
  const files = (await readdir(folder)).filter((name) => /^\d{14}_.+\.sql$/.test(name)).sort();
  const applied: string[] = [];
  for (const file of files) {
    const [version = "", name = ""] = [file.slice(0, 14), file.slice(15, -4)];
    const sql = await readFile(join(folder, file), "utf8");
    await db.exec("begin");
    try {
      await db.exec("lock table supabase_migrations.schema_migrations in exclusive mode");
      const known = await db.query("select 1 from supabase_migrations.schema_migrations where version = $1", [version]);
      if (known.length === 0) {
        await db.exec(sql);
        await db.query(
          "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, array[$3])",
          [version, name, sql],
        );
        applied.push(version);
      }
      await db.exec("commit");
    } catch (error) {
      await db.exec("rollback");
      throw error;
    }
  }
  return applied;
}
