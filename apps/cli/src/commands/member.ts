import { type Member, type Role, roles } from "@sluice/contracts";
import { type Command, Option } from "commander";
import { printJson, table } from "../output.js";
import { answered, connectTenancy, uuid } from "../tenancy.js";

interface Options {
  org: string;
  json?: boolean;
}

/** All of an organization's members, newest first. */
async function membersOf(organizationId: string): Promise<Member[]> {
  const tenancy = await connectTenancy();
  const members: Member[] = [];
  for (let place: { at: string; id: string } | null = null; ; ) {
    const page: Awaited<ReturnType<typeof tenancy.listMembers>> = await answered(
      tenancy.listMembers(organizationId, place, 200),
    );
    members.push(...page.items);
    place = page.next;
    if (place === null) return members;
  }
}

export function memberCommand(program: Command): void {
  const member = program.command("member").description("People of an organization");
  const command = (name: string) =>
    member.command(name).requiredOption("--org <id>", "the organization", uuid).option("--json", "JSON for a program");
  command("ls")
    .description("List them, newest first")
    .action(async ({ org, json }: Options) => {
      const members = await membersOf(org);
      if (json) return printJson(members);
      const rows = members.map(({ id, email, role, createdAt }) => [id, email ?? "", role, createdAt.slice(0, 10)]);
      process.stdout.write(
        rows.length === 0 ? "no members yet\n" : `${table(["person", "e-mail", "role", "since"], rows)}\n`,
      );
    });
  command("set")
    .argument("<user>", "the person's id in Supabase Auth", uuid)
    .addOption(new Option("--role <role>", "what the person may do").choices(roles).makeOptionMandatory())
    .description("Make a person a member, or change the role")
    .action(async (user: string, { org, role, json }: Options & { role: Role }) => {
      const tenancy = await connectTenancy();
      await answered(tenancy.setMember(org, user, role), `There is no organization ${org}.`);
      if (json) printJson({ organizationId: org, userId: user, role });
      else process.stdout.write(`${user} is ${role} of ${org}\n`);
    });
  command("rm")
    .argument("<user>", "the person's id in Supabase Auth", uuid)
    .description("Make a person no member any more")
    .action(async (user: string, { org, json }: Options) => {
      await answered((await connectTenancy()).removeMember(org, user), `${user} is no member of ${org}.`);
      if (json) printJson({ organizationId: org, userId: user, removed: true });
      else process.stdout.write(`${user} is no member of ${org} any more\n`);
    });
}
