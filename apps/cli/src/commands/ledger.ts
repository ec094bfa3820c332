import { stat } from "node:fs/promises";
import type { Receipt } from "@sluice/contracts";
import type { Command } from "commander";
import { type Client, type ConnectOptions, connect, ProblemError } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { readJournal } from "../ingest/journal.js";
import { connected } from "../options.js";
import { printJson, table } from "../output.js";

/** What became of the ingestion that a receipt names. */
type Fate =
  /** The document's latest. */
  | "there"
  /** A later revision of the document is there. */
  | "replaced"
  /** Somebody deleted the document; a tombstone says so. */
  | "deleted"
  /** It was accepted, and is neither there nor deleted. */
  | "lost"
  /** The service knows of no such ingestion. */
  | "unknown";

interface Comparison {
  receipts: number;
  fates: Record<Fate, number>;
  /** Lost and unknown ones. */
  missing: { fate: Fate; ingestionId: string; documentId: string }[];
}

async function readReceipts(client: Client, file: string): Promise<{ receipts: Map<string, Receipt>; batch?: string }> {
  await stat(file).catch(() => {
    throw new CommandError(`There is no ${file}.`, exitCodes.usage);
  });
  const receipts = new Map<string, Receipt>();
  let batch: string | undefined;
  let organization: string | undefined;
  for await (const line of readJournal(file)) {
    if (line.type === "run") organization = line.organization;
    if (line.type === "batch") batch = line.batchId;
    if (line.type !== "receipt") continue;
    for (const receipt of line.receipts)
      if (receipt.id !== undefined) receipts.set(receipt.ingestionId ?? receipt.id, receipt);
  }
  if (receipts.size === 0) throw new CommandError(`${file} holds no receipts.`, exitCodes.usage);
  if (organization !== (await client.me()).organizationId)
    throw new CommandError(`${file} is another organization's: use its key.`, exitCodes.usage);
  return { receipts, batch };
}

/** The ingestions that a document's timeline says were accepted, and those it says were deleted. */
async function timeline(client: Client, documentId: string): Promise<{ accepted: Set<string>; deleted: Set<string> }> {
  const found = { accepted: new Set<string>(), deleted: new Set<string>() };
  try {
    for await (const event of client.events(documentId))
      (event.kind === "deleted" ? found.deleted : found.accepted).add(event.ingestionId);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
  }
  return found;
}

/** Compares what the service once answered with what it has. `missing`: ingestions the ledger's own check misses. */
async function compareJournal(client: Client, file: string, missing: ReadonlySet<string>): Promise<Comparison> {
  const { receipts, batch } = await readReceipts(client, file);
  const comparison: Comparison = {
    receipts: receipts.size,
    fates: { there: 0, replaced: 0, deleted: 0, lost: 0, unknown: 0 },
    missing: [],
  };
  // Most are their documents' latest, and of this batch: a page at a time.
  if (batch !== undefined)
    for await (const { ingestionId } of client.documents({ batchId: batch }))
      if (receipts.delete(ingestionId)) comparison.fates.there += 1;

  // The others were answered with a document of another batch, or are replaced, or gone.
  const fateOf = async (ingestionId: string, { id = "", revision = 0 }: Receipt): Promise<Fate> => {
    const [document] = (await client.persist(() => client.query({ documentId: id }))).items;
    if (document?.ingestionId === ingestionId) return "there";
    const { accepted, deleted } = await timeline(client, id);
    if (deleted.has(ingestionId)) return "deleted";
    if (!accepted.has(ingestionId)) return "unknown";
    return document === undefined || missing.has(ingestionId) || revision >= document.revision ? "lost" : "replaced";
  };
  const left = receipts.entries();
  const lane = async () => {
    for (const [ingestionId, receipt] of left) {
      const fate = await fateOf(ingestionId, receipt);
      comparison.fates[fate] += 1;
      if (fate === "lost" || fate === "unknown")
        comparison.missing.push({ fate, ingestionId, documentId: receipt.id as string });
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return comparison;
}

function describeComparison({ receipts, fates, missing }: Comparison): string {
  const counts = Object.entries(fates).filter(([, count]) => count > 0);
  const lines = [`${receipts} receipts in the journal: ${counts.map(([fate, n]) => `${n} ${fate}`).join(", ")}`];
  if (missing.length > 0)
    lines.push(
      "",
      table(
        ["receipt", "ingestion", "document"],
        missing.slice(0, 200).map((each) => [each.fate, each.ingestionId, each.documentId]),
      ),
    );
  if (missing.length > 200) lines.push(`… and ${missing.length - 200} more: --json lists all`);
  return lines.join("\n");
}

export function ledgerCommand(program: Command): void {
  connected(program.command("ledger").description("The organization's ledger").command("check"))
    .option("--journal <file>", "compare with an ingest journal's receipts as well")
    .description("Count everything now, name what is off, exit 1 if anything is")
    .action(async (options: ConnectOptions & { journal?: string; json?: boolean }) => {
      const client = await connect(options);
      const { ledger, findings = [] } = await client.ledger(true);
      const missing = new Set(
        findings.filter(({ finding }) => finding === "missing").map(({ ingestionId }) => ingestionId),
      );
      const journal =
        options.journal === undefined ? undefined : await compareJournal(client, options.journal, missing);
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
        if (journal !== undefined) process.stdout.write(`\n${describeComparison(journal)}\n`);
        process.stdout.write(balanced ? "\nbalanced\n" : "\nNOT balanced\n");
      }
      if (!balanced) process.exitCode = exitCodes.someFailed;
    });
}
