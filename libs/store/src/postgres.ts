import pg from "pg";
import type { SqlRunner } from "./migrations.js";

/** A direct connection, for what PostgREST can't do: migrations, and building indexes concurrently. `url`: SUPABASE_DB_URL. */
export async function connectPostgres(url: string): Promise<SqlRunner & { destroy(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A connection that is cut fails the query under way; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  return {
    exec: (sql) => client.query(sql),
    query: async <T>(sql: string, params: unknown[] = []) => (await client.query(sql, params)).rows as T[],
    destroy: () => client.end(),
  };
}
