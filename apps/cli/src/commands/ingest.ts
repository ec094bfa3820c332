import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Document, Receipt } from "@sluice/contracts";
import { LockedError } from "@sluice/runtime";
import type { Command } from "commander";
import { type Client, type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { homeFolder } from "../home.js";
import { follow, settled } from "../ingest/follow.js";
import { type Journal, openJournal } from "../ingest/journal.js";
import { upload } from "../ingest/upload.js";
import { readManifest, walk } from "../ingest/walk.js";
import { createProgress, type Progress, printable, printJson, table } from "../output.js";

export interface IngestOptions extends ConnectOptions {
  manifest?: string;
  batch?: string;
  wait?: boolean;
  json?: boolean;
  concurrency: number;
}

/** What a run came to: exactly one answer for each file that was found. */
export interface IngestResult {
  journal: Journal;
  accepted: number;
  duplicates: number;
  refused: [string, Receipt][];
  /** Files that were answered as accepted and that the batch does not count: none, or something was lost. */
  short: number;
  /** With --wait: the documents that failed. */
  failed: Document[];
  /** With --wait: ingestions by status, children included. */
  counts: Record<string, number>;
}

/** Sends files, seals the batch, and with `wait` stays until all is final. */
export async function ingest(
  client: Client,
  paths: string[],
  options: IngestOptions,
  progress: Progress,
): Promise<IngestResult> {
  const sources = [
    ...paths.map((path) => resolve(path)),
    ...(options.manifest === undefined ? [] : [`manifest:${resolve(options.manifest)}`]),
  ];
  const name =
    options.batch ?? `ingest ${paths.map((path) => resolve(path).split("/").at(-1)).join(", ")}`.slice(0, 200);
  // Before anything is begun: a batch for a path that is not there would stay open for ever.
  for (const source of [...paths, ...(options.manifest === undefined ? [] : [options.manifest])]) {
    await stat(source).catch(() => {
      throw new CommandError(`There is no ${resolve(source)}.`, exitCodes.usage);
    });
  }
  const { limits } = await client.persist(() => client.config(), { tries: 8 });
  const { organizationId: organization } = await client.persist(() => client.me(), { tries: 8 });
  const journal = await openJournal(homeFolder(), { organization, name, sources }).catch((error: unknown) => {
    if (!(error instanceof LockedError)) throw error;
    throw new CommandError(
      `Process ${error.pid} is ingesting the same at this moment. Wait for it, or stop it; or name another --batch.`,
      exitCodes.usage,
    );
  });
  client.onOutage = (lost) =>
    progress.note(lost ? "the service is out of reach: waiting for it …" : "the service is back");
  try {
    if (journal.resumed)
      progress.note(
        `going on with a run that was cut off: ${journal.receipts.size} files were answered${
          journal.wasSealed ? "; its batch is sealed, so files that came since are for the next run" : ""
        }`,
      );
    if (journal.batchId === undefined)
      await journal.batch((await client.persist(() => client.createBatch(name, journal.key))).id);
    const batchId = journal.batchId as string;

    let sent = journal.receipts.size;
    const files = (async function* () {
      if (options.manifest !== undefined) yield* readManifest(options.manifest);
      yield* walk(paths);
    })();
    if (!journal.wasSealed)
      await upload(client, journal, files, {
        limits,
        concurrency: options.concurrency,
        onWait: (ms) => options.json && printJson({ type: "waiting", ms: Math.round(ms) }),
        onReceipt(file, receipt) {
          sent += 1;
          if (options.json) printJson({ type: "receipt", file, ...receipt });
          else progress.sent(sent);
        },
      });
    const receipts = [...journal.receipts];
    const refused = receipts.filter(([, receipt]) => receipt.id === undefined);
    const sealed = await client.persist(() => client.sealBatch(batchId, receipts.length - refused.length));
    await journal.sealed();
    // With --wait the run is over when all is final: cut off before that, it goes on with waiting.
    if (!options.wait) await journal.end();

    const result: IngestResult = {
      journal,
      accepted: receipts.filter(([, receipt]) => receipt.id !== undefined && receipt.duplicateOf === undefined).length,
      duplicates: receipts.filter(([, receipt]) => receipt.duplicateOf !== undefined).length,
      refused,
      short: sealed.short ?? 0,
      failed: [],
      counts: {},
    };
    if (options.wait) {
      result.counts = (await follow(client, batchId, (batch) => progress.batch(batch))).counts;
      if ((result.counts.failed ?? 0) > 0)
        for await (const document of client.documents({ batchId, status: "failed" })) result.failed.push(document);
      // What was there already is in another batch, and what had failed is being tried again.
      for (const [, receipt] of receipts) {
        if (receipt.duplicateOf === undefined || receipt.status === "vectorized") continue;
        const document = await settled(client, receipt.duplicateOf);
        if (document.status === "failed") result.failed.push(document);
      }
      await journal.end();
    }
    return result;
  } finally {
    client.onOutage = undefined;
    progress.stop();
    await journal.close();
  }
}

/** For people: totals, then what needs attention. */
export function report(result: IngestResult): string {
  const lines = [`${result.accepted} accepted, ${result.duplicates} already there, ${result.refused.length} refused`];
  const counts = Object.entries(result.counts);
  if (counts.length > 0)
    lines.push(
      `${counts.map(([status, count]) => `${count} ${status}`).join(", ")}, what was found inside others included`,
    );
  const rows = [
    ...result.refused.map(([file, { problem }]) => [
      printable(file, 60),
      "refused",
      problem?.code ?? "unknown",
      problem?.advice ?? "",
    ]),
    ...result.failed.map((document) => [
      printable(document.fileName ?? document.id, 60),
      "failed",
      document.error?.code ?? "",
      document.error?.advice ?? "",
    ]),
  ];
  if (rows.length > 0) lines.push("", table(["file", "outcome", "code", "what to do"], rows.slice(0, 200)));
  if (result.short > 0)
    lines.push(
      "",
      `${result.short} files were accepted and the service does not know them: sluice ledger check --journal`,
    );
  if (rows.length > 200) lines.push(`… and ${rows.length - 200} more: sluice status, or documents/query by code`);
  return lines.join("\n");
}

export function ingestCommand(program: Command): void {
  program
    .command("ingest")
    .argument("[paths...]", "files and folders")
    .option("--manifest <file>", "lines of JSON: path, externalId, patient, tags, metadata")
    .option("--batch <name>", "name of the batch")
    .option("--wait", "stay until every document is final")
    .option("--json", "lines of JSON for a program")
    .option("--concurrency <n>", "requests at once", (text) => Math.max(1, Number.parseInt(text, 10) || 1), 4)
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key (better: SLUICE_API_KEY)")
    .description("Send files; a run that was cut off goes on where it stopped")
    .action(async (paths: string[], options: IngestOptions) => {
      if (paths.length === 0 && options.manifest === undefined)
        throw new CommandError("Name files or folders, or a --manifest.", exitCodes.usage);
      const client = await connect(options);
      const result = await ingest(client, paths, options, createProgress(options.json ? "json" : "person"));
      if (options.json) {
        const codes = [
          ...result.refused.map(([, receipt]) => receipt.problem?.code),
          ...result.failed.map((document) => document.error?.code),
        ];
        const byCode = Object.fromEntries(
          [...new Set(codes)].map((code) => [code ?? "unknown", codes.filter((each) => each === code).length]),
        );
        printJson({
          type: "done",
          batchId: result.journal.batchId,
          accepted: result.accepted,
          duplicates: result.duplicates,
          refused: result.refused.length,
          short: result.short,
          counts: result.counts,
          byCode,
        });
      } else {
        process.stdout.write(`${report(result)}\n`);
        if (!options.wait)
          process.stdout.write(`batch ${result.journal.batchId}: sluice status ${result.journal.batchId}\n`);
        process.stdout.write(`journal ${result.journal.file}\n`);
      }
      if (result.refused.length > 0 || result.failed.length > 0 || result.short > 0)
        process.exitCode = exitCodes.someFailed;
    });
}
