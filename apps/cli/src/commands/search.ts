import { type SearchAnswer, searchModes } from "@sluice/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, type ConnectOptions, connect } from "../client.js";
import { createNamer } from "../names.js";
import { printable, printJson } from "../output.js";

function passages(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100)
    throw new InvalidArgumentError("A whole number from 1 to 100.");
  return value;
}

/** Hits for people: where it stands, then the passage. */
export async function describeHits(client: Client, answer: SearchAnswer): Promise<string> {
  if (answer.hits.length === 0) return "nothing found";
  const nameOf = createNamer((id) => client.document(id));
  const names = await Promise.all(answer.hits.map(({ document }) => nameOf(document)));
  const hits = answer.hits.map((hit, i) => {
    const pages =
      hit.pageFrom === null
        ? ""
        : hit.pageTo === hit.pageFrom
          ? `, page ${hit.pageFrom}`
          : `, pages ${hit.pageFrom}–${hit.pageTo}`;
    const section = hit.section.title === null ? "" : ` › ${printable(hit.section.title, 60)}`;
    return `${i + 1}. ${names[i]}${section}${pages}  (${hit.score.toFixed(4)})\n   ${printable(hit.text, 220)}`;
  });
  const note =
    answer.lexical === true
      ? `\n${answer.mode} search; the embedding compares words, not meaning (${answer.model ?? "none"})`
      : "";
  return hits.join("\n") + note;
}

export function searchCommand(program: Command): void {
  program
    .command("search")
    .argument("<query...>", "words or a phrase")
    .addOption(new Option("--mode <mode>", "how to search").choices(searchModes).default("hybrid"))
    .option("-k <n>", "how many passages", passages, 5)
    .option("--json", "JSON for a program")
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key")
    .description("Find passages")
    .action(async (words: string[], options: ConnectOptions & { mode: string; k: number; json?: boolean }) => {
      const client = await connect(options);
      const answer = await client.search({ query: words.join(" "), mode: options.mode, k: options.k });
      if (options.json) printJson(answer);
      else process.stdout.write(`${await describeHits(client, answer)}\n`);
    });
}
