import { type Batch, type Document, describeCode } from "@sluice/contracts";
import type { Command } from "commander";
import { type Client, type ConnectOptions, connect, ProblemError } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { printable, printJson, table } from "../output.js";

function describeDocument(document: Document): string {
  const lines = [
    `${printable(document.fileName ?? "(no name)")}  ${document.id}`,
    `  ${document.status}, revision ${document.revision}${document.activeRevision === null ? "" : ` (readers see ${document.activeRevision})`}, ${document.mediaType ?? "kind unknown"}`,
    `  ${document.counts.pages} pages, ${document.counts.sections} sections, ${document.counts.chunks} chunks, ${document.counts.children} children`,
  ];
  if (document.waitingFor !== null) {
    const { title, advice } = describeCode(document.waitingFor);
    lines.push(`  waits for ${document.waitingFor}: ${title} ${advice}`);
  }
  if (document.error !== null) lines.push(`  ${document.error.code}: ${document.error.title} ${document.error.advice}`);
  for (const { code, page } of document.warnings)
    lines.push(`  warning ${code}${page === undefined ? "" : ` on page ${page}`}`);
  return lines.join("\n");
}

function batchRow(batch: Batch): (string | number)[] {
  const { vectorized = 0, failed = 0 } = batch.counts;
  const state = batch.complete
    ? "complete"
    : batch.cancelledAt !== null
      ? "cancelled"
      : batch.pausedAt !== null
        ? "paused"
        : batch.sealedAt === null
          ? "open"
          : "running";
  return [
    batch.id,
    printable(batch.name, 40),
    state,
    batch.submitted,
    batch.inFlight,
    vectorized,
    failed,
    batch.duplicates,
  ];
}
const batchHeadings = ["batch", "name", "state", "submitted", "in flight", "vectorized", "failed", "duplicates"];

async function find(client: Client, id: string): Promise<{ document: Document } | { batch: Batch }> {
  try {
    return { document: await client.document(id) };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
  }
  try {
    return { batch: await client.batch(id) };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
    throw new CommandError(`There is no document or batch ${printable(id)}.`, exitCodes.someFailed);
  }
}

export function statusCommand(program: Command): void {
  program
    .command("status")
    .argument("[id]", "a document or a batch")
    .option("--json", "JSON for a program")
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key")
    .description("What became of a document or a batch; without an id, of everything")
    .action(async (id: string | undefined, options: ConnectOptions & { json?: boolean }) => {
      const client = await connect(options);
      if (id === undefined) {
        const [{ ledger }, { items }] = await Promise.all([client.ledger(false), client.batches()]);
        if (options.json) return printJson({ ledger, batches: items });
        process.stdout.write(`${table(["ledger", "ingestions"], Object.entries(ledger))}\n\n`);
        process.stdout.write(
          items.length === 0 ? "no batches yet\n" : `${table(batchHeadings, items.map(batchRow))}\n`,
        );
        return;
      }
      const found = await find(client, id);
      if (options.json) return printJson(found);
      process.stdout.write(
        "document" in found
          ? `${describeDocument(found.document)}\n`
          : `${table(batchHeadings, [batchRow(found.batch)])}\n`,
      );
    });
}
