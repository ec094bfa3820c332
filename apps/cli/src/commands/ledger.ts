import type { Command } from "commander";
import { type Client, type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { readJournal } from "../ingest/journal.js";
import { printJson, table } from "../output.js";

/** What the service says it has of a journal's receipts, and what it does not. */
async function compareJournal(client: Client, file: string): Promise<{ receipts: number; missing: string[] }> {
  const expected = new Set<string>();
  let batchId: string | undefined;
  for await (const line of readJournal(file)) {
    if (line.type === "batch") batchId = line.batchId;
    if (line.type === "receipt")
      for (const receipt of line.receipts) if (receipt.id !== undefined) expected.add(receipt.id);
  }
  const receipts = expected.size;
  if (receipts === 0) throw new CommandError(`${file} holds no receipts.`, exitCodes.usage);
  if (batchId !== undefined) for await (const document of client.documents({ batchId })) expected.delete(document.id);
  // What is left was answered with a document of another batch, or is gone.
  const missing: string[] = [];
  for (const id of expected) {
    const { items } = await client.persist(() => client.query({ documentId: id }));
    if (items.length === 0) missing.push(id);
  }
  return { receipts, missing };
}

export function ledgerCommand(program: Command): void {
  program
    .command("ledger")
    .description("The organization's ledger")
    .command("check")
    .option("--journal <file>", "compare with an ingest journal's receipts as well")
    .option("--json", "JSON for a program")
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key")
    .description("Count everything now, name what is off, exit 1 if anything is")
    .action(async (options: ConnectOptions & { journal?: string; json?: boolean }) => {
      const client = await connect(options);
      const { ledger, findings = [] } = await client.ledger(true);
      const journal = options.journal === undefined ? undefined : await compareJournal(client, options.journal);
      const balanced = ledger.imbalance === 0 && findings.length === 0 && (journal?.missing.length ?? 0) === 0;
      if (options.json) printJson({ balanced, ledger, findings, journal });
      else {
        process.stdout.write(`${table(["ledger", "ingestions"], Object.entries(ledger))}\n`);
        if (findings.length > 0)
          process.stdout.write(
            `\n${table(
              ["finding", "ingestion", "document", "accepted at"],
              findings.map((each) => [each.finding, each.ingestionId, each.documentId, each.at]),
            )}\n`,
          );
        if (journal !== undefined)
          process.stdout.write(
            `\n${journal.receipts} receipts in the journal, ${journal.missing.length} of them unknown to the service\n${journal.missing.map((id) => `  ${id}\n`).join("")}`,
          );
        process.stdout.write(balanced ? "\nbalanced\n" : "\nNOT balanced\n");
      }
      if (!balanced) process.exitCode = exitCodes.someFailed;
    });
}
