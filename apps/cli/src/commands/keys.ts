import { ApiKey, allScopes, CreatedApiKey, list, type ScopeName } from "@sluice/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { connected } from "../options.js";
import { printable, printJson, table } from "../output.js";
import { answered, connectStore, nameOf, uuid } from "../tenancy.js";

/** Reading the audit is asked for by name. */
const usualScopes = allScopes.filter((scope) => scope !== "audit:read");

type Options = ConnectOptions & { org?: string; json?: boolean };
type CreateOptions = Options & { name: string; scopes: ScopeName[]; expires?: Date };

const pageSize = 200;

function time(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || date.getTime() <= Date.now())
    throw new InvalidArgumentError("A date or time that is to come, such as 2030-01-31.");
  return date;
}

/** With --org as the operator, by Supabase's secret key; without it over the API, in the organization of the key that calls. */
const asOperator = async () => (await connectStore()).apiKeys.asOperator;

async function listKeys({ org, ...options }: Options): Promise<ApiKey[]> {
  const keys: ApiKey[] = [];
  if (org !== undefined) {
    const operator = await asOperator();
    for (let place: { at: string; id: string } | null = null; ; ) {
      const page: Awaited<ReturnType<typeof operator.list>> = await answered(operator.list(org, place, pageSize));
      keys.push(...page.items);
      place = page.next;
      if (place === null) return keys;
    }
  }
  const client = await connect(options);
  const schema = list(ApiKey);
  for (let more = ""; ; ) {
    const page: z.infer<typeof schema> = await client.call(`/v1/api-keys?limit=${pageSize}${more}`, schema);
    keys.push(...page.items);
    if (page.nextCursor === null) return keys;
    more = `&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
}

async function createKey({ org, name, scopes, expires, ...options }: CreateOptions) {
  if (org !== undefined) {
    const wanted = { organizationId: org, name, scopes, expiresAt: expires };
    return answered((await asOperator()).create(wanted), `There is no organization ${org}.`);
  }
  const json = { name, scopes, ...(expires === undefined ? {} : { expiresAt: expires.toISOString() }) };
  return (await connect(options)).call("/v1/api-keys", CreatedApiKey, { json });
}

const day = (at: string | null) => at?.slice(0, 10) ?? "";
const stateOf = (key: ApiKey) => (key.revokedAt !== null ? "revoked" : key.live ? "live" : "expired");

export function keysCommand(program: Command): void {
  const keys = program.command("keys").description("API keys of an organization");
  const command = (name: string) =>
    connected(keys.command(name)).option(
      "--org <id>",
      "the organization, as the operator; else the one of the key that calls",
      uuid,
    );
  command("ls")
    .description("List keys, newest first")
    .action(async (options: Options) => {
      const all = await listKeys(options);
      if (options.json) return printJson(all);
      const rows = all.map((key) => [
        key.id,
        `${key.prefix}…`,
        printable(key.name, 40),
        stateOf(key),
        key.scopes.join(" "),
        day(key.expiresAt),
        key.lastUsedAt?.slice(0, 16) ?? "never",
      ]);
      const heads = ["key", "begins", "name", "state", "scopes", "expires", "last used"];
      process.stdout.write(all.length === 0 ? "no keys yet\n" : `${table(heads, rows)}\n`);
    });
  command("create")
    .requiredOption("--name <name>", "to know it by", nameOf)
    .addOption(
      new Option("--scopes <scopes...>", "what it may do")
        .choices(allScopes)
        .default(usualScopes, "all but `audit:read`"),
    )
    .option("--expires <time>", "when it ends; never, where not said", time)
    .description("Make a key; prints it, this once")
    .action(async (options: CreateOptions) => {
      const { id, key } = await createKey(options);
      const { org, name, scopes, expires } = options;
      if (options.json) return printJson({ id, key, organizationId: org, name, scopes, expiresAt: expires ?? null });
      process.stdout.write(`${key}\n`);
      process.stderr.write(`key ${id}: it is shown this once and stored nowhere; revoke it by that id\n`);
    });
  command("revoke")
    .argument("<id>", "the key's id, as `keys create` and `keys ls` name it", uuid)
    .description("Refuse a key from now on")
    .action(async (id: string, { org, json, ...options }: Options) => {
      const revoked =
        org === undefined
          ? await (await connect(options))
              .call(`/v1/api-keys/${id}`, z.unknown(), { method: "DELETE" })
              .then(() => true)
          : await answered((await asOperator()).revoke(org, id));
      if (!revoked) throw new CommandError(`The organization has no key ${id}.`, exitCodes.someFailed);
      if (json) printJson({ id, revoked });
      else process.stdout.write(`revoked ${id}\n`);
    });
}
