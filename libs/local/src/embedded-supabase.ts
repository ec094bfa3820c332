import { type ChildProcess, fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Secrets } from "./home.js";
import type { SupabaseOptions } from "./supabase/serve.js";
import { type Supervised, supervise } from "./supervised.js";

export interface EmbeddedOptions {
  /** Holds `postgres` and `objects`. */
  folder: string;
  /** Folder of the SQL socket; none when null. */
  socketFolder: string | null;
  /** A PostgreSQL server in place of PGlite; `folder` then holds the objects only. */
  postgresUrl?: string;
  port: number;
  secrets: Secrets;
  sqlIdleMs?: number;
  say: (line: string) => void;
}

/** The name libpq looks for in a socket folder. */
const socketName = ".s.PGSQL.5432";

export function databaseUrl(folder: string): string {
  return `postgresql://postgres@/postgres?host=${encodeURIComponent(folder)}`;
}

function firstMessage(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("message", (message: { failed?: string }) => {
      if (message.failed === undefined) resolve();
      else reject(new Error(`supabase: ${message.failed}`));
    });
  });
}

/** Where it keeps stored objects. */
export const objectsFolder = (folder: string) => join(folder, "objects");

/** Supabase Lite on PGlite in a process of its own, so that its one session never blocks a service's event loop. */
export function createEmbeddedSupabase(options: EmbeddedOptions): Supervised {
  const { secrets } = options;
  const socket = options.socketFolder === null ? null : join(options.socketFolder, socketName);
  return supervise({
    name: "supabase",
    graceMs: 15_000,
    say: options.say,
    spawn: () =>
      fork(new URL("./supabase/main.js", import.meta.url), {
        detached: true,
        // Not the flags of whoever starts it.
        execArgv: [],
        env: { PATH: process.env.PATH, HOME: process.env.HOME, EXPERIMENTAL_STORAGE: "1", NODE_ENV: "production" },
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      }),
    async ready(child) {
      // A killed predecessor leaves its socket, and a socket that exists can't be listened on.
      if (socket !== null) await rm(socket, { force: true });
      child.send({
        data: join(options.folder, "postgres"),
        postgresUrl: options.postgresUrl,
        objects: objectsFolder(options.folder),
        port: options.port,
        publishableKey: secrets.publishableKey,
        secretKey: secrets.secretKey,
        jwtSecret: secrets.jwtSecret,
        socket,
        sqlIdleMs: options.sqlIdleMs,
      } satisfies SupabaseOptions);
      await firstMessage(child);
    },
  });
}
