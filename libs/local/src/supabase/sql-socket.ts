import type { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

/** A ReadyForQuery message that says: no transaction is open (PostgreSQL protocol, message formats, `Z`). */
const idle = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const terminate = 0x58;

/**
 * The embedded database for `psql` and other clients, on a Unix socket that only its owner can reach.
 *
 * PGlite is one session, shared with everything that comes over HTTP. So a client holds the session from its first message until the
 * server is idle again: a statement, or a whole transaction, runs alone, and nobody else's statement gets into it. Whoever leaves a
 * transaction open holds up everything; after ten seconds without a word it is rolled back.
 */
export function createSqlSocket(db: PGlite, path: string): { start(): Promise<void>; destroy(): Promise<void> } {
  let release: (() => void) | undefined;
  const hold = () =>
    new Promise<void>((held) => {
      if (release !== undefined) return held();
      // The mutex of transactions, as `db.transaction` takes it but without its BEGIN; the client decides about those.
      db._runExclusiveTransaction(
        () =>
          new Promise<void>((resolve) => {
            release = resolve;
            held();
          }),
      ).catch(() => {});
    });
  const letGo = () => {
    release?.();
    release = undefined;
  };
  const session = new Proxy(db, {
    get(target, property) {
      if (property === "runExclusive") {
        return async <T>(work: () => Promise<T>) => {
          await hold();
          return work();
        };
      }
      if (property === "execProtocolRawStream") {
        return async (message: Uint8Array, options: { onRawData: (data: Uint8Array) => void }) => {
          let tail = Buffer.alloc(0);
          await target.execProtocolRawStream(message, {
            onRawData(data) {
              tail = Buffer.concat([tail, data]).subarray(-idle.length);
              options.onRawData(data);
            },
          });
          if (tail.equals(idle) || message[0] === terminate) letGo();
        };
      }
      if (property === "exec") {
        // Only for rolling back what a client left open: it holds the session, so it must not wait for it.
        return async (sql: string) => {
          await target.execProtocolRaw(queryMessage(sql), { syncToFs: true });
          letGo();
        };
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const server = new PGLiteSocketServer({ db: session, path, maxConnections: 8, idleTimeout: 10_000 });
  return {
    start: () => server.start(),
    async destroy() {
      await server.stop();
      letGo();
    },
  };
}

function queryMessage(sql: string): Uint8Array {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.alloc(5);
  head.write("Q");
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}
