import { vector } from "@electric-sql/pglite/vector";
import { connectPostgres, type SqlRunner } from "@sluice/store";
import { PgliteConnection } from "@supabase/lite/pglite";
import { pipelined } from "./pipelined.js";
import { shareSession } from "./session.js";
import { createSqlSocket } from "./sql-socket.js";
import { keepUp } from "./upkeep.js";

/** What Supabase Lite runs on. */
export interface LiteDatabase {
  readonly connection: PgliteConnection;
  readonly sql: SqlRunner;
  /** Runs one request: its statements mix with nobody else's. */
  run<T>(work: () => Promise<T>): Promise<T>;
  destroy(): Promise<void>;
}

/** PGlite in this process, with an SQL socket where one is wanted. */
export async function openPglite(options: { data: string; socket: string | null; sqlIdleMs?: number }) {
  const connection = new PgliteConnection({ url: options.data, pgliteOptions: { extensions: { vector } } });
  const db = connection.driver;
  await db.waitReady;
  pipelined(db);
  const session = shareSession(db);
  const socket =
    options.socket === null
      ? undefined
      : createSqlSocket({
          db,
          session,
          path: options.socket,
          idleMs: options.sqlIdleMs,
          onBroken: () => process.exit(1),
        });
  let upkeep: ReturnType<typeof keepUp> | undefined;
  return {
    connection,
    sql: {
      exec: (sql) => db.exec(sql),
      query: async <T>(sql: string, params: unknown[] = []) => (await db.query<T>(sql, params)).rows,
    },
    run: (work) => session.run(work),
    /** Once the database is migrated. */
    async listen() {
      upkeep = keepUp(db, session);
      await socket?.start();
    },
    async destroy() {
      await upkeep?.destroy();
      await socket?.destroy();
      await db.close();
    },
  } satisfies LiteDatabase & { listen(): Promise<void> };
}

/**
 * A PostgreSQL server with pgvector. Not part of the local stack, which is for machines that have none: the integration tests run on it
 * as well, since that is what production is.
 */
export async function openPostgres(url: string): Promise<LiteDatabase & { listen(): Promise<void> }> {
  const { PostgresConnection } = await import("@supabase/lite/postgres");
  // Lite hands JSON arguments over as text, which its driver would encode once more.
  const serialize = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const parse = (text: string): unknown => JSON.parse(text);
  const connection = new PostgresConnection({
    url,
    postgresOptions: {
      max: 10,
      onnotice: () => {},
      types: { json: { to: 114, from: [114], serialize, parse }, jsonb: { to: 3802, from: [3802], serialize, parse } },
    },
  });
  const sql = await connectPostgres(url);
  return {
    // The same to Lite, whichever it is.
    connection: connection as unknown as PgliteConnection,
    sql,
    run: (work) => work(),
    listen: async () => {},
    async destroy() {
      await sql.destroy();
      await connection.driver.end({ timeout: 2 });
    },
  };
}
