import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Document, SectionList, searchModes } from "@sluice/contracts";
import type { Command } from "commander";
import { z } from "zod";
import { Client } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { homeFolder } from "../home.js";
import { settled } from "../ingest/follow.js";
import { createProgress, printable, table } from "../output.js";
import { ingest } from "./ingest.js";
import { describeHits } from "./search.js";
import { logFile, stackFromEnvironment, withSignals } from "./up.js";

const samples = fileURLToPath(new URL("../../../../samples", import.meta.url));

const Expected = z.strictObject({
  file: z.string(),
  mediaType: z.string(),
  status: z.string(),
  code: z.string().optional(),
  minSections: z.number().optional(),
  pages: z.number().optional(),
  children: z.number().optional(),
  phrases: z.array(z.string()),
});
type Expected = z.infer<typeof Expected>;
const Expectations = z.strictObject({
  documents: z.array(Expected),
  searches: z.array(z.strictObject({ query: z.string(), mode: z.enum(searchModes), expectFile: z.string() })),
});

const squeeze = (text: string) => text.replace(/\s+/g, " ");

async function displayText(client: Client, documentId: string): Promise<string> {
  const texts: string[] = [];
  let cursor: string | null = null;
  do {
    const page: z.infer<typeof SectionList> = await client.call(
      `/v1/documents/${documentId}/sections${cursor === null ? "" : `?cursor=${cursor}`}`,
      SectionList,
    );
    texts.push(...page.items.map((section) => section.text));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return texts.join("\n\n");
}

/** How a document differs from what it must become; nothing when it does not. */
async function differences(client: Client, expected: Expected, document: Document): Promise<string[]> {
  const found: string[] = [];
  const want = (name: string, wanted: unknown, is: unknown) => {
    if (wanted !== undefined && wanted !== is) found.push(`${name} is ${String(is)}, not ${String(wanted)}`);
  };
  want("status", expected.status, document.status);
  want("code", expected.code, document.error?.code);
  if (document.status === "vectorized") {
    want("kind", expected.mediaType, document.mediaType);
    want("pages", expected.pages, document.counts.pages);
    want("children", expected.children, document.counts.children);
    if (document.counts.sections < (expected.minSections ?? 0))
      found.push(`${document.counts.sections} sections, fewer than ${expected.minSections}`);
  }
  if (expected.phrases.length > 0 && document.status === "vectorized") {
    const text = squeeze(await displayText(client, document.id));
    for (const phrase of expected.phrases) if (!text.includes(squeeze(phrase))) found.push(`lacks “${phrase}”`);
  }
  return found;
}

async function run(client: Client): Promise<boolean> {
  const expectations = Expectations.parse(JSON.parse(await readFile(join(samples, "expected.json"), "utf8")));
  const result = await ingest(
    client,
    [join(samples, "documents")],
    { concurrency: 4, wait: true, batch: "demo" },
    createProgress("person"),
  );
  let good = result.refused.length === 0;
  const rows: (string | number)[][] = [];
  const complaints: string[] = [];
  for (const expected of expectations.documents) {
    const receipt = result.journal.receipts.get(join(samples, expected.file));
    if (receipt?.id === undefined) {
      complaints.push(`${expected.file}: not accepted (${receipt?.problem?.code ?? "not sent"})`);
      continue;
    }
    // A sample that an earlier demo took in is waited for like the others: its batch may be another.
    const document = await settled(client, receipt.id);
    const off = await differences(client, expected, document);
    rows.push([
      basename(expected.file),
      document.error?.code ?? document.status,
      document.format ?? "",
      document.counts.pages,
      document.counts.sections,
      document.counts.chunks,
      document.counts.children,
      off.length === 0 ? "as expected" : "NOT as expected",
    ]);
    complaints.push(...off.map((each) => `${expected.file}: ${each}`));
  }
  process.stdout.write(
    `\n${table(["document", "outcome", "format", "pages", "sections", "chunks", "children", ""], rows)}\n`,
  );

  for (const search of expectations.searches) {
    const answer = await client.search({ query: search.query, mode: search.mode, k: 2 });
    process.stdout.write(`\n“${printable(search.query)}”\n${await describeHits(client, answer)}\n`);
    const first = answer.hits[0]?.document.fileName;
    if (first !== basename(search.expectFile))
      complaints.push(`search “${search.query}” found ${first ?? "nothing"} first, not ${basename(search.expectFile)}`);
  }
  const { ledger, findings = [] } = await client.ledger(true);
  if (ledger.imbalance !== 0 || findings.length > 0) complaints.push(`the ledger is off by ${ledger.imbalance}`);
  process.stdout.write(
    `\nledger: ${ledger.accepted} accepted = ${ledger.vectorized} vectorized + ${ledger.failed} failed + ${ledger.cancelled} cancelled + ${ledger.deleted} deleted + ${ledger.inFlight} in flight\n`,
  );
  good &&= complaints.length === 0;
  process.stdout.write(
    good
      ? `\nall ${rows.length} documents and ${expectations.searches.length} searches came out as samples/expected.json says\n`
      : `\n${complaints.join("\n")}\n`,
  );
  return good;
}

export function demoCommand(program: Command): void {
  program
    .command("demo")
    .description("Run the stack, take in the samples, compare with what each must become, answer three searches, stop")
    .action(async () => {
      const home = join(homeFolder(), "demo");
      // Its journals too: the demo leaves the home of a real stack alone.
      process.env.SLUICE_HOME = home;
      const stack = stackFromEnvironment({ home, log: logFile(home, "demo.log") });
      let good = false;
      await withSignals(stack, async (stopped) => {
        process.stderr.write("starting Redis, Supabase and the five services …\n");
        const info = await Promise.race([stack.start(), stopped]).catch((error: Error) => {
          throw new CommandError(
            `The stack did not start: ${error.message} (${join(home, "demo.log")})`,
            exitCodes.unreachable,
          );
        });
        if (info === undefined) return;
        try {
          good = (await Promise.race([run(new Client(info.gatewayUrl, info.apiKey)), stopped])) === true;
        } finally {
          await stack.destroy();
        }
      });
      process.exit(good ? exitCodes.ok : exitCodes.someFailed);
    });
}
