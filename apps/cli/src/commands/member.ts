import { type Command, Option } from "commander";
import { printJson } from "../output.js";
import { answered, connectTenancy, uuid } from "../tenancy.js";

const roles = ["owner", "admin", "member", "viewer", "auditor"] as const;

export function memberCommand(program: Command): void {
  program
    .command("member")
    .description("People of an organization")
    .command("set")
    .argument("<user>", "the person's id in Supabase Auth", uuid)
    .requiredOption("--org <id>", "the organization", uuid)
    .addOption(new Option("--role <role>", "what the person may do").choices(roles).makeOptionMandatory())
    .option("--json", "JSON for a program")
    .description("Make a person a member, or change the role")
    .action(
      async (user: string, { org, role, json }: { org: string; role: (typeof roles)[number]; json?: boolean }) => {
        const tenancy = await connectTenancy();
        await answered(tenancy.setMember(org, user, role), `There is no organization ${org}.`);
        if (json) printJson({ organizationId: org, userId: user, role });
        else process.stdout.write(`${user} is ${role} of ${org}\n`);
      },
    );
}
