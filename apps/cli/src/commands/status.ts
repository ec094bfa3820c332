import { type Batch, type Document, describeCode } from "@sluice/contracts";
import type { Command } from "commander";
import { type Client, type ConnectOptions, connect, ProblemError } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { createNamer } from "../names.js";
import { connected } from "../options.js";
import { printable, printJson, table } from "../output.js";
import { batchHeadings, batchRow } from "./batch.js";

/** Children that are listed; of an archive of thousands the rest is counted. */
const mostChildren = 100;

/** The documents found in one, by their place in it. */
async function childrenOf(client: Client, document: Document): Promise<Document[]> {
  if (document.counts.children === 0) return [];
  const { items } = await client.query({ parentId: document.id });
  const order = new Intl.Collator("en", { numeric: true });
  return items.sort((a, b) => order.compare(a.memberPath ?? "", b.memberPath ?? "")).slice(0, mostChildren);
}

function describeDocument(document: Document, name: string, children: Document[]): string {
  const { counts, activeRevision, revision, error } = document;
  const seen = activeRevision === null ? "readers see none" : `readers see ${activeRevision}`;
  const rows: [string, string][] = [
    ["document", document.id],
    ["status", document.status],
    ["kind", document.mediaType ?? "unknown"],
    ["revision", activeRevision === revision ? String(revision) : `${revision}, ${seen}`],
    [
      "holds",
      `${counts.pages} pages, ${counts.sections} sections, ${counts.tables} tables, ${counts.facts} facts, ${counts.chunks} chunks, ${counts.children} children`,
    ],
  ];
  if (document.waitingFor !== null) {
    const { title, advice } = describeCode(document.waitingFor);
    rows.push(["waits for", `${document.waitingFor}: ${title} ${advice}`]);
  }
  if (error !== null) rows.push(["error", `${error.code}: ${error.title} ${error.advice}`]);
  for (const { code, page, count } of document.warnings) {
    const where = page === undefined ? "" : ` on page ${page}`;
    rows.push(["warning", count === undefined ? `${code}${where}` : `${code} on ${count} pages in all`]);
  }
  const lines = [name, ...rows.map(([label, value]) => `  ${label.padEnd(9)}  ${value}`)];
  if (children.length > 0)
    lines.push(
      "",
      table(
        ["found in it", "outcome", "kind", "sections", "chunks", "children", "document"],
        children.map((child) => [
          printable(child.memberPath ?? child.fileName ?? "", 40),
          child.error?.code ?? child.status,
          printable(child.mediaType ?? "", 30),
          child.counts.sections,
          child.counts.chunks,
          child.counts.children,
          child.id,
        ]),
      ),
    );
  if (counts.children > children.length) lines.push(`… and ${counts.children - children.length} more`);
  return lines.join("\n");
}

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
  connected(program.command("status"))
    .argument("[id]", "a document or a batch")
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
      if ("batch" in found) process.stdout.write(`${table(batchHeadings, [batchRow(found.batch)])}\n`);
      else {
        const { document } = found;
        const [children, name] = await Promise.all([
          childrenOf(client, document),
          createNamer((each) => client.document(each))(document),
        ]);
        process.stdout.write(`${describeDocument(document, name, children)}\n`);
      }
    });
}
