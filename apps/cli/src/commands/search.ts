import { type SearchAnswer, SearchFilter, type SearchHit, searchModes } from "@sluice/contracts";
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

function filterOf(text: string): SearchFilter {
  try {
    return SearchFilter.parse(JSON.parse(text));
  } catch {
    throw new InvalidArgumentError('JSON with keys that search knows, e.g. {"tags":["x"],"from":"2024-01-01"}.');
  }
}

/** What must be known beside the passage: what became of its document, what adds to it, where else it stands. */
function remarks({ document, copies, explanation }: SearchHit): string {
  const said = [
    ...(document.standing === "current" || document.standing === "appended" ? [] : [document.standing.toUpperCase()]),
    ...document.addenda.map(({ id, title }) => `addendum: ${printable(title ?? id, 60)}`),
    ...(document.appendsTo.length === 0 ? [] : [`adds to ${document.appendsTo.join(", ")}`]),
    ...(copies.length === 0 ? [] : [`the same in ${copies.length} more`]),
    ...Object.entries(explanation?.lists ?? {}).map(
      ([list, { rank, score, weight, adds }]) => `${list}: ${rank}. (${score}), × ${weight} adds ${adds}`,
    ),
    ...(explanation?.rerank === undefined
      ? []
      : [`reranked from ${explanation.rerank.was}. (${explanation.rerank.score})`]),
  ];
  return said.map((line) => `\n   ${line}`).join("");
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
    return `${i + 1}. ${names[i]}${section}${pages}  (${hit.score.toFixed(4)})\n   ${printable(hit.snippet.text, 260)}${remarks(hit)}`;
  });
  const note =
    answer.lexical === true
      ? `\n${answer.mode} search; the embedding compares words, not meaning (${answer.model ?? "none"})`
      : "";
  const undated = (answer.undated ?? 0) > 0 ? `\n${answer.undated} documents without such a date were left out` : "";
  const notes = answer.notes.map((each) => `\nnote: ${each}`).join("");
  const more = answer.nextCursor === null ? "" : `\nmore: --cursor ${answer.nextCursor}`;
  return hits.join("\n") + note + undated + notes + more;
}

interface SearchOptions extends ConnectOptions {
  mode: string;
  k: number;
  filter?: SearchFilter;
  cursor?: string;
  explain?: boolean;
  json?: boolean;
}

export function searchCommand(program: Command): void {
  program
    .command("search")
    .argument("<query...>", "words or a phrase")
    .addOption(new Option("--mode <mode>", "how to search").choices(searchModes).default("hybrid"))
    .option("-k <n>", "how many passages", passages, 5)
    .option("--filter <json>", "what documents must be: see docs/search.md", filterOf)
    .option("--cursor <cursor>", "the next page, as the page before says")
    .option("--explain", "how each passage came to its place")
    .option("--json", "JSON for a program")
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key")
    .description("Find passages")
    .action(async (words: string[], options: SearchOptions) => {
      const client = await connect(options);
      const { mode, k, filter, cursor, explain } = options;
      const answer = await client.search({ query: words.join(" "), mode, k, filter, cursor, explain });
      if (options.json) printJson(answer);
      else process.stdout.write(`${await describeHits(client, answer)}\n`);
    });
}
