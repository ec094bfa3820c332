import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import { serve } from "@hono/node-server";
import { applyMigrations } from "@sluice/store";
import { App } from "@supabase/lite";
import { PgliteConnection } from "@supabase/lite/pglite";
import { mergeSettings } from "./merge-settings.js";
import { shareSession } from "./session.js";
import { createSqlSocket } from "./sql-socket.js";
import { createStorageAdapter } from "./storage-adapter.js";

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
}

const roles = `do $$ begin
  if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
  if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;
end $$`;

/** Opens the database, migrates it, and only then serves: functions made after the first request would not be seen. */
export async function serveSupabase(options: SupabaseOptions): Promise<{ port: number; destroy(): Promise<void> }> {
  await mkdir(options.data, { recursive: true, mode: 0o700 });
  await mkdir(options.objects, { recursive: true, mode: 0o700 });
  const { vector } = await import(
    pathToFileURL(createRequire(import.meta.url).resolve("@electric-sql/pglite/vector")).href
  );
  const connection = new PgliteConnection({ url: options.data, pgliteOptions: { extensions: { vector } } });
  const app = new App({
    connection,
    api: { max_rows: 1_000 },
    auth: {
      enabled: true,
      jwt_secret: options.jwtSecret,
      publishable_key: options.publishableKey,
      secret_key: options.secretKey,
    },
    storage: { enabled: true, file_size_limit: "2GiB" },
  } as never);
  app._storageAdapter = createStorageAdapter(options.objects);
  const db = connection.driver;
  await db.waitReady;
  mergeSettings(db);
  const session = shareSession(db);
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
      : createSqlSocket({ db, session, path: options.socket, onBroken: () => process.exit(1) });
  await socket?.start();
  return {
    port: (server.address() as AddressInfo).port,
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
