// Writes libs/store/src/database.types.ts, supabase-js's view of the migrated database. `--check` only says whether it is stale.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startTestSupabase } from "../libs/local/dist/index.js";

const target = fileURLToPath(new URL("../libs/store/src/database.types.ts", import.meta.url));

const functionsSql = `
  select p.proname as name, p.proretset as many, p.pronargdefaults as defaults,
         format_type(p.prorettype, null) as returns,
         coalesce(array_to_json(p.proargnames), '[]') as names, coalesce(array_to_json(p.proargmodes), '[]') as modes,
         (select coalesce(json_agg(format_type(t.oid, null) order by t.place), '[]')
            from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality t(oid, place)) as types
    from pg_proc p
   where p.pronamespace = 'public'::regnamespace and p.proname like 'sluice\\_%'
   order by p.proname collate "C", p.oid`;

const numbers = new Set(["smallint", "integer", "bigint", "real", "double precision", "numeric"]);

/** As PostgREST takes and gives it in JSON. */
function typeOf(sqlType) {
  if (sqlType.endsWith("[]")) return `${typeOf(sqlType.slice(0, -2))}[]`;
  if (sqlType === "json" || sqlType === "jsonb") return "Json";
  if (sqlType === "boolean") return "boolean";
  if (sqlType === "void") return "undefined";
  if (numbers.has(sqlType)) return "number";
  return "string";
}

const fields = (list) => `{ ${list.map(([name, type]) => `${name}: ${type}`).join("; ")} }`;

function describe({ name, many, defaults, returns, names, modes, types }) {
  const all = types.map((type, i) => ({ name: names[i], mode: modes[i] ?? "i", type: typeOf(type) }));
  const inputs = all.filter(({ mode }) => mode === "i" || mode === "b" || mode === "v");
  const args = inputs.map(({ name, type }, i) => [i >= inputs.length - defaults ? `${name}?` : name, type]);
  const columns = all.filter(({ mode }) => mode === "t" || mode === "o" || mode === "b");
  const one = columns.length > 0 ? fields(columns.map(({ name, type }) => [name, type])) : typeOf(returns);
  return `      ${name}: {
        Args: ${args.length === 0 ? "Record<PropertyKey, never>" : fields(args)};
        Returns: ${many ? `${one}[]` : one};
      };`;
}

const database = await startTestSupabase();
let functions;
try {
  functions = await database.query(functionsSql);
} finally {
  await database.destroy();
}
const overloaded = functions.find(({ name }, i) => functions[i + 1]?.name === name);
if (overloaded !== undefined) throw new Error(`${overloaded.name} is overloaded; rpc() can't choose by type.`);

const text = `// Generated from the migrated database by infra/generate-types.mjs.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  public: {
    Tables: Record<never, never>;
    Views: Record<never, never>;
    Functions: {
${functions.map(describe).join("\n")}
    };
    Enums: Record<never, never>;
    CompositeTypes: Record<never, never>;
  };
};
`;

const before = await readFile(target, "utf8").catch(() => "");
if (before === text) console.log(`${functions.length} functions, nothing changed`);
else if (process.argv.includes("--check")) {
  console.error("database.types.ts is stale: run node infra/generate-types.mjs");
  process.exitCode = 1;
} else {
  await writeFile(target, text);
  console.log(`${functions.length} functions written`);
}
