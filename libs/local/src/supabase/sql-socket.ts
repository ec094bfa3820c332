import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { PGlite } from "@electric-sql/pglite";
import type { Session } from "./session.js";
import { errorResponse, readFrames, welcome } from "./sql-protocol.js";

const maxClients = 16;
/** Messages after which the client waits for an answer: Query, Sync, Flush, FunctionCall. */
const asking = new Set(["Q", "S", "H", "F"]);
const copyIn = /\bcopy\b[^;]*\bfrom\s+stdin\b/i;

/**
 * The embedded database for `psql`, `pg` and other clients, on a Unix socket that only its owner can reach.
 *
 * What holds: a client has the one session for itself from its first message until the server is idle again, so a statement, a
 * pipeline or a whole transaction runs alone, also beside requests over HTTP. Its settings (SET) are its own: they are taken back
 * when it lets go and made again when it goes on. Whoever leaves a transaction open holds up everything, so after `idleMs` without a
 * word it is rolled back and cut off.
 *
 * What does not: temporary tables and named prepared statements are shared by the clients connected at the same time; there is no
 * COPY FROM STDIN, no cancelling, and an answer is held in memory whole.
 */
export function createSqlSocket(options: {
  db: PGlite;
  session: Session;
  path: string;
  idleMs?: number;
  /** The database itself broke: nothing will work until the process is new. */
  onBroken: () => void;
}): { start(): Promise<void>; destroy(): Promise<void> } {
  const { db, session, idleMs = 10_000 } = options;
  const clients = new Map<Socket, Promise<void>>();

  async function serveClient(socket: Socket): Promise<void> {
    const owner = {};
    let holding = false;
    let settings: [string, string][] = [];
    let batch: Buffer[] = [];
    const own = <T>(sql: string, params?: unknown[]) =>
      session.run(async () => (await db.query<T>(sql, params)).rows, owner);

    const takeUp = async () => {
      if (holding) return;
      await session.hold(owner);
      holding = true;
      for (const [name, value] of settings) await own("select set_config($1, $2, false)", [name, value]);
    };
    const layDown = async () => {
      const rows = await own<{ name: string; setting: string }>(
        "select name, setting from pg_settings where source = 'session' union all select 'role', current_setting('role') where current_setting('role') <> 'none'",
      );
      settings = rows.map(({ name, setting }) => [name, setting]);
      if (settings.length > 0) await session.run(() => db.exec("reset role; reset all"), owner);
      holding = false;
      session.release(owner);
    };
    const answer = async (last: string) => {
      await takeUp();
      const data = await db.execProtocolRaw(Buffer.concat(batch)).catch((error: unknown) => {
        options.onBroken();
        throw error;
      });
      batch = [];
      // Flush asks for an answer in the middle of a pipeline; Sync ends it.
      if (last !== "H" && !db.isInTransaction()) await layDown();
      if (data.length > 0 && !socket.write(data)) await once(socket, "drain");
    };

    const cutOff = () => socket.end(errorResponse("FATAL", "25P03", "left idle in a transaction")).destroySoon();
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const { type, bytes } of readFrames(socket)) {
        clearTimeout(timer);
        if (type === "X") break;
        if (type === "") socket.write(welcome(await parameters(own)));
        else if (type === "Q" && copyIn.test(bytes.toString("latin1")))
          socket.write(errorResponse("ERROR", "0A000", "COPY FROM STDIN is not supported by the embedded database"));
        else {
          batch.push(bytes);
          if (asking.has(type)) await answer(type);
        }
        if (holding) timer = setTimeout(cutOff, idleMs);
      }
    } finally {
      clearTimeout(timer);
      socket.destroy();
      if (holding) {
        await session.run(() => db.exec("rollback"), owner).catch(() => {});
        await layDown().catch(() => session.release(owner));
      }
      if (clients.size === 1) await session.run(() => db.exec("discard all")).catch(() => {});
    }
  }

  const server = createServer((socket) => {
    const served = serveClient(socket).catch(() => {});
    clients.set(socket, served);
    socket.on("error", () => {});
    served.finally(() => clients.delete(socket));
  });
  server.maxConnections = maxClients;

  return {
    async start() {
      server.listen(options.path);
      await once(server, "listening");
    },
    async destroy() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of clients.keys()) socket.destroy();
      await Promise.all(clients.values());
      await closed;
    },
  };
}

type Ask = <T>(sql: string) => Promise<T[]>;

/** What a server tells at the start (PostgreSQL documentation, 54.2.7): clients read dates and strings by it. */
async function parameters(ask: Ask): Promise<Record<string, string>> {
  const names = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
  ];
  const rows = await ask<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in (${names.map((name) => `'${name}'`).join(", ")})`,
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}
