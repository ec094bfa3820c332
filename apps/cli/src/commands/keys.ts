import { allScopes, type ScopeName } from "@sluice/store";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { printJson } from "../output.js";
import { answered, connectTenancy, nameOf, uuid } from "../tenancy.js";

/** Reading the audit is asked for by name. */
const usualScopes = allScopes.filter((scope) => scope !== "audit:read");

interface KeyOptions {
  org: string;
  name: string;
  scopes: ScopeName[];
  expires?: Date;
  json?: boolean;
}

function time(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || date.getTime() <= Date.now())
    throw new InvalidArgumentError("A date or time that is to come, such as 2030-01-31.");
  return date;
}

export function keysCommand(program: Command): void {
  const keys = program.command("keys").description("API keys of an organization");
  keys
    .command("create")
    .requiredOption("--org <id>", "the organization", uuid)
    .requiredOption("--name <name>", "to know it by", nameOf)
    .addOption(
      new Option("--scopes <scopes...>", "what it may do")
        .choices(allScopes)
        .default(usualScopes, "all but `audit:read`"),
    )
    .option("--expires <time>", "when it ends; never, where not said", time)
    .option("--json", "JSON for a program")
    .description("Make a key; prints it, this once")
    .action(async ({ org, name, scopes, expires, json }: KeyOptions) => {
      const tenancy = await connectTenancy();
      const { id, key } = await answered(
        tenancy.createApiKey({ organizationId: org, name, scopes, expiresAt: expires }),
        `There is no organization ${org}.`,
      );
      if (json) return printJson({ id, key, organizationId: org, name, scopes, expiresAt: expires ?? null });
      process.stdout.write(`${key}\n`);
      process.stderr.write(`key ${id}: it is shown this once and stored nowhere; revoke it by that id\n`);
    });
  keys
    .command("revoke")
    .argument("<id>", "the key's id, as `keys create` named it", uuid)
    .requiredOption("--org <id>", "the organization", uuid)
    .option("--json", "JSON for a program")
    .description("Refuse a key from now on")
    .action(async (id: string, { org, json }: { org: string; json?: boolean }) => {
      const revoked = await answered((await connectTenancy()).revokeApiKey(org, id));
      if (!revoked) throw new CommandError(`The organization has no key ${id}.`, exitCodes.someFailed);
      if (json) printJson({ id, revoked });
      else process.stdout.write(`revoked ${id}\n`);
    });
}
