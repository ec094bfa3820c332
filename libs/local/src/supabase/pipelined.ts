import { type PGlite, protocol, type QueryOptions, type Results } from "@electric-sql/pglite";

/** As Lite writes them at the start of every transaction: the caller's role and claims, and what the request was. */
const localSetting = /^\s*select set_config\('([\w.]+)', (?:\$1|''), true\)\s*$/i;
/** What a function may answer PostgREST with. No function of ours does. */
const response =
  /^\s*select\s+current_setting\('response\.status', true\) as status,\s+current_setting\('response\.headers', true\) as headers\s*$/i;
const begin = /^\s*begin\s*$/i;
const end = /^\s*(commit|rollback)\s*$/i;
const mostKnown = 1_000;

const { serialize, messages: types } = protocol;
const nothing = <T>(rows: unknown[] = []) => ({ rows, fields: [], affectedRows: 0 }) as unknown as Results<T>;

/** One statement's messages (PostgreSQL documentation, 54.2.3), without the Sync that ends them. */
const statement = (text: string, values: (string | null)[]) => [
  serialize.parse({ text }),
  serialize.bind({ values }),
  serialize.describe({ type: "P" }),
  serialize.execute({}),
];

type Message = Awaited<ReturnType<PGlite["execProtocol"]>>["messages"][number];

/** What the last of several statements answered. PGlite's own reading of it copies a table of two hundred parsers for every statement. */
function resultOf<T>(messages: readonly Message[], parsers: PGlite["parsers"], options?: QueryOptions): Results<T> {
  let fields: Results<T>["fields"] = [];
  let rows: unknown[] = [];
  let result: Results<T> = nothing();
  for (const message of messages) {
    if (message instanceof types.RowDescriptionMessage) {
      fields = message.fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
    } else if (message instanceof types.DataRowMessage) {
      const values = message.fields.map((value, i) => {
        const type = fields[i]?.dataTypeID ?? 0;
        const parser = options?.parsers?.[type] ?? parsers[type];
        return value === null || parser === undefined ? value : parser(value, type);
      });
      rows.push(
        options?.rowMode === "array" ? values : Object.fromEntries(fields.map(({ name }, i) => [name, values[i]])),
      );
    } else if (message instanceof types.CommandCompleteMessage) {
      const [command, ...counts] = message.text.split(" ");
      const changes = ["INSERT", "UPDATE", "DELETE", "MERGE"].includes(command ?? "");
      result = { rows: rows as T[], fields, affectedRows: changes ? Number(counts.at(-1)) : 0 };
      [fields, rows] = [[], []];
    }
  }
  return result;
}

/**
 * Sends what Lite does for a call in two round trips rather than in forty. PGlite's `query` takes six for a statement, and Lite makes sixteen
 * statements of a call: BEGIN, settings, the call, a question, COMMIT. A round trip costs about as much as a small call itself. Here BEGIN and the settings wait
 * for the first statement that needs them and go with it, and the question is answered without asking.
 */
export function pipelined(db: PGlite): void {
  const original = { query: db.query.bind(db), exec: db.exec.bind(db), isInTransaction: db.isInTransaction.bind(db) };
  const parameters = new Map<string, number[]>();
  /** A transaction that was begun, of which the database does not know yet. */
  let isBegun = false;
  let settings: [name: string, value: string][] = [];

  /** The messages that what waits needs; it waits no longer. */
  function waiting(): Uint8Array[] {
    const list = settings.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`).join(", ");
    const messages = [
      ...(isBegun ? statement("begin", []) : []),
      ...(list === "" ? [] : statement(`select ${list}`, settings.flat())),
    ];
    isBegun = false;
    settings = [];
    return messages;
  }

  const send = async (messages: Uint8Array[]) => (await db.execProtocol(Buffer.concat(messages))).messages;

  async function flush(): Promise<void> {
    const messages = waiting();
    if (messages.length > 0) await send([...messages, serialize.sync()]);
  }

  /** How PGlite would write the values: that depends on the parameters' types, which are those of the statement's text. */
  async function written(sql: string, params: unknown[]): Promise<(string | null)[]> {
    if (params.length === 0) return [];
    let known = parameters.get(sql);
    if (known === undefined) {
      known = (await db.describeQuery(sql)).queryParams.map(({ dataTypeID }) => dataTypeID);
      if (parameters.size >= mostKnown) parameters.clear();
      parameters.set(sql, known);
    }
    return params.map((value, i) => {
      if (value === null || value === undefined) return null;
      return db.serializers[known[i] ?? 0]?.(value) ?? String(value);
    });
  }

  async function query<T>(sql: string, params: unknown[] = [], options?: QueryOptions): Promise<Results<T>> {
    if (options?.blob !== undefined || options?.paramTypes !== undefined || options?.serializers !== undefined) {
      await flush();
      return original.query<T>(sql, params, options);
    }
    const isOpen = isBegun || original.isInTransaction();
    if (begin.test(sql) && !isOpen) {
      isBegun = true;
      return nothing();
    }
    const setting = localSetting.exec(sql)?.[1];
    if (setting !== undefined && isOpen) {
      const value = String(params[0] ?? "");
      settings.push([setting, value]);
      return nothing([{ set_config: value }]);
    }
    if (response.test(sql)) return nothing([{ status: "", headers: "" }]);
    if (end.test(sql)) {
      settings = [];
      if (isBegun) {
        isBegun = false;
        return nothing();
      }
    }
    const values = await written(sql, params);
    const messages = await send([...waiting(), ...statement(sql, values), serialize.sync()]);
    return resultOf<T>(messages, db.parsers, options);
  }

  Object.assign(db, {
    query,
    async exec(...args: Parameters<typeof original.exec>) {
      await flush();
      return original.exec(...args);
    },
    isInTransaction: () => isBegun || original.isInTransaction(),
  });
}
