import { readFileSync } from "node:fs";
import type { z } from "zod";

/** One environment variable: its name, its shape and default, and a sentence of meaning for the docs. */
export interface Variable<T> {
  readonly kind: "variable";
  readonly name: string;
  readonly schema: z.ZodType<T>;
  readonly meaning: string;
  readonly secret: boolean;
  /** An address over which documents, credentials or jobs travel. */
  readonly wire: boolean;
}

export interface ConfigDefinition {
  [key: string]: Variable<unknown> | ConfigDefinition;
}

/** What reading a definition gives: the same nesting, with values in place of variables. */
export type ConfigOf<D> = { [K in keyof D]: D[K] extends Variable<infer T> ? T : ConfigOf<D[K]> };

/** Declares a variable. A secret's value is never shown; any variable can also be given as a file, by NAME_FILE. */
export function variable<T>(
  name: string,
  schema: z.ZodType<T>,
  meaning: string,
  options: { secret?: boolean; wire?: boolean } = {},
): Variable<T> {
  return { kind: "variable", name, schema, meaning, secret: options.secret ?? false, wire: options.wire ?? false };
}

/** What is wrong with the environment, by variable; never a value. */
export class ConfigError extends Error {
  constructor(readonly problems: { name: string; problem: string }[]) {
    super(`configuration: ${problems.map((p) => `${p.name}: ${p.problem}`).join("; ")}`);
    this.name = "ConfigError";
  }
}

function isVariable(entry: Variable<unknown> | ConfigDefinition): entry is Variable<unknown> {
  return entry.kind === "variable";
}

function rawValue(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const file = env[`${name}_FILE`];
  if (file !== undefined && file !== "") return readFileSync(file, "utf8").trim();
  const value = env[name];
  return value === "" ? undefined : value;
}

const encrypted = new Set(["https:", "rediss:"]);
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether an address is one where others could listen: not encrypted, and not this machine's own. */
function isPlainText(address: unknown): boolean {
  if (typeof address !== "string" || !URL.canParse(address)) return false;
  const { protocol, hostname, searchParams } = new URL(address);
  if (loopback.test(hostname) || encrypted.has(protocol)) return false;
  if (/^postgres(ql)?:$/.test(protocol)) {
    const isSocket = (searchParams.get("host") ?? hostname).startsWith("/");
    return !isSocket && !/^(require|verify-ca|verify-full)$/.test(searchParams.get("sslmode") ?? "");
  }
  return true;
}

function mayBePlain(name: string, env: NodeJS.ProcessEnv): boolean {
  return env.NODE_ENV !== "production" || (env.ALLOW_PLAINTEXT ?? "").split(/[\s,]+/).includes(name);
}

/** Reads a definition from the environment. Throws a ConfigError that names everything that is wrong at once. */
export function readConfig<D extends ConfigDefinition>(
  definition: D,
  env: NodeJS.ProcessEnv = process.env,
): ConfigOf<D> {
  const problems: { name: string; problem: string }[] = [];
  const read = (entry: ConfigDefinition): unknown =>
    Object.fromEntries(
      Object.entries(entry).map(([key, value]) => {
        if (!isVariable(value)) return [key, read(value)];
        const result = value.schema.safeParse(rawValue(value.name, env));
        if (result.success && value.wire && isPlainText(result.data) && !mayBePlain(value.name, env)) {
          const problem = `must be encrypted in production: rediss://, https://, or sslmode=verify-full; or name it in ALLOW_PLAINTEXT`;
          problems.push({ name: value.name, problem });
        }
        if (result.success) return [key, result.data];
        problems.push({ name: value.name, problem: result.error.issues[0]?.message ?? "invalid" });
        return [key, undefined];
      }),
    );
  const config = read(definition);
  if (env.NODE_ENV === "production" && env.NODE_TLS_REJECT_UNAUTHORIZED === "0")
    problems.push({ name: "NODE_TLS_REJECT_UNAUTHORIZED", problem: "certificates are checked in production" });
  if (problems.length > 0) throw new ConfigError(problems);
  return config as ConfigOf<D>;
}

/** A row a variable, for `.env.example` and the docs. */
export function describeConfig(
  definition: ConfigDefinition,
): { name: string; meaning: string; default: string | undefined; secret: boolean }[] {
  return Object.values(definition).flatMap((entry) => {
    if (!isVariable(entry)) return describeConfig(entry);
    const fallback = entry.schema.safeParse(undefined);
    const value = fallback.success && fallback.data !== undefined ? String(fallback.data) : undefined;
    return [{ name: entry.name, meaning: entry.meaning, default: value, secret: entry.secret }];
  });
}
