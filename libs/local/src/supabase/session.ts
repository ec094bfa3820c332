import { AsyncLocalStorage } from "node:async_hooks";
import type { PGlite } from "@electric-sql/pglite";

export interface Session {
  /** Runs one owner's work (a request, the migrations): its statements and transactions mix with nobody else's. */
  run<T>(work: () => Promise<T>, owner?: object): Promise<T>;
  /** Waits for the session and keeps it until `release`, however many statements that is. */
  hold(owner: object): Promise<void>;
  release(owner: object): void;
}

/** How long a transaction may stay open after its request was answered, in milliseconds. */
const forgottenMs = 5_000;

/**
 * PGlite is one session, and it locks statements, not transactions that are made of statements: Supabase Lite sends BEGIN, what
 * belongs to it, and COMMIT as separate calls, so whoever comes in between is in the transaction, with its role and its rollback.
 * Within Lite this is mostly kept apart by PGlite's never yielding, which nothing promises and a second client breaks.
 *
 * So here the session has an owner: a statement takes it, and a transaction keeps it until it is over. Others queue. The owner is
 * known by async context, so nothing is passed through Lite.
 */
export function shareSession(db: PGlite): Session {
  const owners = new AsyncLocalStorage<object>();
  const nobody = {};
  const waiting: { owner: object; enter: () => void }[] = [];
  let holder: object | undefined;
  let depth = 0;

  const hold = (owner: object): Promise<void> => {
    if (holder === undefined || holder === owner) {
      holder = owner;
      depth += 1;
      return Promise.resolve();
    }
    return new Promise((enter) => waiting.push({ owner, enter }));
  };
  const release = (owner: object): void => {
    if (holder !== owner) return;
    if (depth > 0) depth -= 1;
    if (depth > 0 || db.isInTransaction()) return;
    const next = waiting.shift();
    holder = next?.owner;
    if (next !== undefined) {
      depth = 1;
      next.enter();
    }
  };

  const guarded =
    <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const owner = owners.getStore() ?? nobody;
      await hold(owner);
      try {
        return await method.apply(db, args);
      } finally {
        release(owner);
      }
    };
  const { query, exec, transaction } = db;
  Object.assign(db, { query: guarded(query), exec: guarded(exec), transaction: guarded(transaction) });

  return {
    hold,
    release,
    async run(work, owner = {}) {
      try {
        return await owners.run(owner, work);
      } finally {
        if (holder === owner && depth === 0) {
          const rollBack = () =>
            holder === owner && depth === 0 && owners.run(owner, () => db.exec("rollback")).catch(() => {});
          setTimeout(rollBack, forgottenMs).unref();
        }
      }
    },
  };
}
