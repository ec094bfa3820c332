import type { PGlite, Results } from "@electric-sql/pglite";

/** As Lite writes them at the start of every transaction: the caller's role and claims, and what the request was. */
const localSetting = /^\s*select set_config\('([\w.]+)', (?:\$1|''), true\)\s*$/i;

/**
 * Sends the ten settings that Lite makes for every call as one statement, with the first one that needs them: a statement costs PGlite
 * about as much as what the call is for, so a call takes less than half the time. Nobody reads the answers of those statements.
 */
export function mergeSettings(db: PGlite): void {
  const query = db.query.bind(db);
  let pending: [name: string, value: string][] = [];

  const flush = async () => {
    const settings = pending;
    pending = [];
    const list = settings.map(([name], i) => `set_config('${name}', $${i + 1}, true)`).join(", ");
    await query(
      `select ${list}`,
      settings.map(([, value]) => value),
    );
  };
  const merged: typeof query = async <T>(
    sql: string,
    params: unknown[] = [],
    options?: Parameters<typeof query>[2],
  ) => {
    const name = localSetting.exec(sql)?.[1];
    if (name !== undefined && db.isInTransaction()) {
      const value = String(params[0] ?? "");
      pending.push([name, value]);
      return { rows: [{ set_config: value }], fields: [], affectedRows: 0 } as unknown as Results<T>;
    }
    if (pending.length > 0) {
      if (/^\s*(commit|rollback)\s*$/i.test(sql)) pending = [];
      else await flush();
    }
    return query<T>(sql, params, options);
  };
  Object.assign(db, { query: merged });
}
