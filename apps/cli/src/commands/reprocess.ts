import { Receipt } from "@sluice/contracts";
import type { Command } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { connected } from "../options.js";
import { printJson } from "../output.js";
import { uuid } from "../tenancy.js";

export function reprocessCommand(program: Command): void {
  connected(program.command("reprocess"))
    .argument("<id>", "a document", uuid)
    .description(
      "Read the stored original anew, as the next revision; readers keep what they have until it is finished",
    )
    .action(async (id: string, options: ConnectOptions & { json?: boolean }) => {
      const client = await connect(options);
      const receipt = await client.call(`/v1/documents/${id}/reprocess`, Receipt, { method: "POST" });
      if (options.json) printJson(receipt);
      else process.stdout.write(`${id}: revision ${receipt.revision} is ${receipt.status}\n`);
    });
}
