import type { Why } from "@sluice/contracts";
import type { Command } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { createNamer } from "../names.js";
import { connected } from "../options.js";
import { printJson } from "../output.js";

function describe({ document, now, story }: Why, name: string): string {
  const lines = [name, `  document  ${document.id}`, `  status    ${document.status}`, ""];
  for (const { at, text } of story) lines.push(`  ${at.slice(0, 19).replace("T", " ")}  ${text}`);
  lines.push("", `Now: ${now.text}`);
  if (now.advice !== null) lines.push(`     ${now.advice}`);
  return lines.join("\n");
}

export function whyCommand(program: Command): void {
  connected(program.command("why"))
    .argument("<id>", "a document")
    .description("Why a document is where it is: its whole story, what it waits for, and what to do")
    .action(async (id: string, options: ConnectOptions & { json?: boolean }) => {
      const client = await connect(options);
      const why = await client.why(id);
      if (options.json) return printJson(why);
      const name = await createNamer((each) => client.document(each))(why.document);
      process.stdout.write(`${describe(why, name)}\n`);
    });
}
