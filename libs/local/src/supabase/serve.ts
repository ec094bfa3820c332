import { mkdir } from "node:fs/promises";
import { vector } from "@electric-sql/pglite/vector";
import { serve } from "@hono/node-server";
import { applyMigrations } from "@sluice/store";
import { App } from "@supabase/lite";
import { PgliteConnection } from "@supabase/lite/pglite";
import { mergeSettings } from "./merge-settings.js";
import { shareSession } from "./session.js";
import { createSqlSocket } from "./sql-socket.js";
import { clearIncoming, createStorageAdapter, type StoredMetadata } from "./storage-adapter.js";

export interface SupabaseOptions {
  /** Folders of the database and of stored objects. */
  data: string;
  objects: string;
  port: number;
  publishableKey: string;
  secretKey: string;
  jwtSecret: string;
  /** A Unix socket for SQL clients; none when null. */
  socket: string | null;
  /** How long an SQL client may leave a transaction without a word; milliseconds. */
  sqlIdleMs?: number;
}

const roles = `do $$ begin
  if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
  if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;
end $$`;

/** Opens the database, migrates it, and only then serves: functions made after the first request would not be seen. */
export async function serveSupabase(options: SupabaseOptions): Promise<{ destroy(): Promise<void> }> {
  await mkdir(options.objects, { recursive: true, mode: 0o700 });
  const connection = new PgliteConnection({ url: options.data, pgliteOptions: { extensions: { vector } } });
  const app = new App({
    connection,
    api: { max_rows: 1_000 },
    auth: {
      enabled: true,
      jwt_secret: options.jwtSecret,
      publishable_key: options.publishableKey,
      secret_key: options.secretKey,
      // Whoever signs up is confirmed: nothing here sends mail.
      email: { enable_signup: true, enable_confirmations: false },
    },
    storage: { enabled: true, file_size_limit: "2GiB" },
    studio: { enabled: false },
    // Without a key nobody is anybody.
    options: { server: { admin: false, disableStudio: true } },
  });
  const db = connection.driver;
  await db.waitReady;
  mergeSettings(db);
  const session = shareSession(db);
  await clearIncoming(options.objects);
  app._storageAdapter = createStorageAdapter({
    folder: options.objects,
    async metadata(bucket, key) {
      const { rows } = await db.query<{ metadata: StoredMetadata | null }>(
        "select metadata from storage.objects where bucket_id = $1 and name = $2",
        [bucket, key],
      );
      return rows[0]?.metadata ?? undefined;
    },
  });
  await session.run(async () => {
    await app.ensureSystemSchema();
    await db.exec(roles);
    await applyMigrations({
      exec: (sql) => db.exec(sql),
      query: async <T>(sql: string, params: unknown[] = []) => (await db.query<T>(sql, params)).rows,
    });
    await app.init();
  });

  const server = serve({
    port: options.port,
    hostname: "127.0.0.1",
    fetch: (request: Request, env) => {
      // Lite tells its configuration and schema to whoever asks at /_system.
      if (!/^\/(rest|auth|storage)\/v1(\/|$)/.test(new URL(request.url).pathname))
        return new Response(null, { status: 404 });
      const peerAddress = "incoming" in env ? (env.incoming.socket.remoteAddress ?? null) : null;
      return session.run(() => app.fetch(request, { peerAddress }));
    },
  });
  await new Promise<void>((listening, failed) => {
    server.once("listening", listening);
    server.once("error", failed);
  });
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
  await socket?.start();
  return {
    async destroy() {
      await socket?.destroy();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Requests under way are answered; idle connections would keep the server open for ever.
      if ("closeIdleConnections" in server) server.closeIdleConnections();
      const patience = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), 3_000);
      await closed;
      clearTimeout(patience);
      await db.close();
    },
  };
}
