import { mkdir } from "node:fs/promises";
import { serve } from "@hono/node-server";
import { applyMigrations } from "@sluice/store";
import { App } from "@supabase/lite";
import { openPglite, openPostgres } from "./database.js";
import { clearIncoming, createStorageAdapter, type StoredMetadata } from "./storage-adapter.js";

export interface SupabaseOptions {
  /** Folder of the database, when it is PGlite. */
  data: string;
  /** A server in its place. */
  postgresUrl?: string;
  /** Folder of stored objects. */
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

/**
 * Opens the database, migrates it, and only then serves: functions made after the first request would not be seen.
 *
 * What is acknowledged survives the death of this process, however it dies. It may not survive a power cut: PGlite can't have its files
 * synced. Stored objects are.
 */
export async function serveSupabase(options: SupabaseOptions): Promise<{ destroy(): Promise<void> }> {
  await mkdir(options.objects, { recursive: true, mode: 0o700 });
  const database = await (options.postgresUrl === undefined ? openPglite(options) : openPostgres(options.postgresUrl));
  const { sql } = database;
  const app = new App({
    connection: database.connection,
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
  await clearIncoming(options.objects);
  app._storageAdapter = createStorageAdapter({
    folder: options.objects,
    async metadata(bucket, key) {
      const [row] = await sql.query<{ metadata: StoredMetadata | null }>(
        "select metadata from storage.objects where bucket_id = $1 and name = $2",
        [bucket, key],
      );
      return row?.metadata ?? undefined;
    },
  });
  await database.run(async () => {
    await app.ensureSystemSchema();
    await sql.exec(roles);
    await applyMigrations(sql);
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
      return database.run(() => app.fetch(request, { peerAddress }));
    },
  });
  await new Promise<void>((listening, failed) => {
    server.once("listening", listening);
    server.once("error", failed);
  });
  await database.listen();
  return {
    async destroy() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Requests under way are answered; idle connections would keep the server open for ever.
      if ("closeIdleConnections" in server) server.closeIdleConnections();
      const patience = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), 3_000);
      await closed;
      clearTimeout(patience);
      await database.destroy();
    },
  };
}
