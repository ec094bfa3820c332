import type { Organization } from "@sluice/store";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { printable, printJson, table } from "../output.js";
import { answered, connectStore, connectTenancy, nameOf, uuid } from "../tenancy.js";

export function orgCommand(program: Command): void {
  const org = program.command("org").description("Organizations: the tenants of the service");
  org
    .command("create")
    .argument("<name>", "1 to 200 characters", nameOf)
    .option("--json", "JSON for a program")
    .description("Make an organization; prints its id")
    .action(async (name: string, options: { json?: boolean }) => {
      const { id } = await answered((await connectTenancy()).createOrganization({ name }));
      if (options.json) printJson({ id, name });
      else process.stdout.write(`${id}\n`);
    });
  org
    .command("price")
    .argument("<organization>", "its id", uuid)
    .argument("<model>", "provider/model, as `sluice usage` shows it")
    .argument("<usd>", "US dollars for a million tokens; none takes it back")
    .option("--since <time>", "from when on; else from now")
    .description("Set an organization's own price for embedding with a model")
    .action(async (organizationId: string, name: string, usd: string, options: { since?: string }) => {
      const [, provider, model] = /^([^/]+)\/(.+)$/.exec(name) ?? [];
      const usdPerMillion = usd === "none" ? null : Number(usd);
      const since = options.since === undefined ? null : new Date(options.since);
      if (provider === undefined || model === undefined)
        throw new CommandError("provider/model is meant.", exitCodes.usage);
      if (usd.trim() === "" || (usdPerMillion !== null && !(usdPerMillion >= 0)))
        throw new CommandError("A price is meant, or none.", exitCodes.usage);
      if (since !== null && Number.isNaN(since.getTime())) throw new CommandError("A time is meant.", exitCodes.usage);
      const store = await connectStore();
      await answered(store.usage.setPrice(organizationId, { provider, model, usdPerMillion, since }));
    });
  org
    .command("ls")
    .option("--json", "JSON for a program")
    .description("List the organizations")
    .action(async (options: { json?: boolean }) => {
      const tenancy = await connectTenancy();
      const all: Organization[] = [];
      for (let page: Organization[] = []; ; ) {
        page = await answered(tenancy.listOrganizations(page.at(-1)?.id ?? null));
        if (page.length === 0) break;
        all.push(...page);
      }
      if (options.json) return printJson(all);
      const rows = all.map(({ id, name, activeModel }) => [id, printable(name, 60), activeModel ?? "none yet"]);
      process.stdout.write(
        all.length === 0 ? "no organizations yet\n" : `${table(["organization", "name", "embedding model"], rows)}\n`,
      );
    });
}
