import type { Organization } from "@sluice/store";
import type { Command } from "commander";
import { printable, printJson, table } from "../output.js";
import { answered, connectTenancy, nameOf } from "../tenancy.js";

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
