import type { PGlite } from "@electric-sql/pglite";
import type { Session } from "./session.js";

const everyMs = 2_000;

// As PostgreSQL's own autovacuum decides (PostgreSQL documentation, 24.1.6), but for a scale of a fifth for both.
const due = `
select format('%I.%I', s.schemaname, s.relname) as name, s.n_dead_tup > 1000 + greatest(c.reltuples, 0) / 5 as dead
from pg_stat_user_tables s join pg_class c on c.oid = s.relid
where s.n_mod_since_analyze > 50 + greatest(c.reltuples, 0) / 5 or s.n_dead_tup > 1000 + greatest(c.reltuples, 0) / 5
order by s.n_mod_since_analyze + s.n_dead_tup desc limit 1`;

/**
 * Does what autovacuum does elsewhere, for PGlite has no background processes: a table that changed is analyzed, so that plans fit what is in it (a session that
 * kept the plans of its first minute would read whole tables for ever), and what is dead in it is cleared away. One table at a time.
 */
export function keepUp(db: PGlite, session: Session): { destroy(): Promise<void> } {
  let turn: Promise<void> = Promise.resolve();
  const owner = {};

  const once = () =>
    session.run(async () => {
      const [table] = (await db.query<{ name: string; dead: boolean }>(due)).rows;
      if (table !== undefined) await db.exec(`${table.dead ? "vacuum (analyze)" : "analyze"} ${table.name}`);
    }, owner);

  const timer = setInterval(() => {
    // A failure is tried again, and does no harm.
    turn = turn.then(once).catch(() => {});
  }, everyMs);
  timer.unref();
  return {
    async destroy() {
      clearInterval(timer);
      await turn;
    },
  };
}
