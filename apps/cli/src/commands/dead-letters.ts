import { type DeadLetter, DeadLetterState, Decision, stages } from "@sluice/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { connected } from "../options.js";
import { printable, printJson, table } from "../output.js";
import { uuid } from "../tenancy.js";

interface FilterOptions extends ConnectOptions {
  stage?: string;
  code?: string;
  under?: string;
  batch?: string;
  state?: string;
  olderThan?: number;
  newerThan?: number;
  poison?: boolean;
  json?: boolean;
}

const units: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90s`, `30m`, `12h`, `7d` in seconds. */
function age(text: string): number {
  const [, count = "", unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count === "") throw new InvalidArgumentError("A number and s, m, h or d, such as 12h.");
  return Number(count) * (units[unit] ?? 1);
}

const ago = (seconds: number | undefined) =>
  seconds === undefined ? undefined : new Date(Date.now() - seconds * 1_000).toISOString();

function filterOf(options: FilterOptions) {
  const { stage, code, under: version, batch: batchId, poison } = options;
  const given = {
    stage,
    code,
    version,
    batchId,
    poison,
    before: ago(options.olderThan),
    after: ago(options.newerThan),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const filters = (command: Command): Command =>
  connected(command)
    .addOption(new Option("--stage <stage>", "that failed at this stage").choices([...stages]))
    .option("--code <code>", "that failed with this code")
    .option("--under <version>", "that failed under this version of the stage's code")
    .option("--batch <id>", "of this batch", uuid)
    .option("--older-than <age>", "that failed last longer ago than this: 90s, 30m, 12h, 7d", age)
    .option("--newer-than <age>", "that failed last more recently than this", age)
    .option("--poison", "only what has failed the same way in three replays");

function row(letter: DeadLetter): (string | number)[] {
  const where = letter.tries[0]?.worker ?? "";
  return [
    letter.ingestionId,
    letter.stage,
    letter.poison ? `${letter.code} (poison)` : letter.code,
    letter.attempts,
    letter.replays,
    printable(letter.version ?? "", 30),
    letter.lastSeen.slice(0, 19).replace("T", " "),
    printable(where, 30),
    letter.documentId,
  ];
}
const headings = ["dead letter", "stage", "code", "tries", "replays", "version", "last failed", "worker", "document"];

/** Decides on those named or, call by call, on all that pass the filter. */
async function decide(
  client: Client,
  decision: "replay" | "discard",
  ids: string[],
  options: FilterOptions & { all?: boolean; reason?: string },
): Promise<void> {
  const filter = filterOf(options);
  if (ids.length > 0 && Object.keys(filter).length > 0)
    throw new CommandError("Name dead letters, or filter them; not both.", exitCodes.usage);
  if (ids.length === 0 && Object.keys(filter).length === 0 && options.all !== true)
    throw new CommandError("Name dead letters, filter them, or say --all.", exitCodes.usage);
  const { reason } = options;
  const bodies: object[] = ids.length === 0 ? [{ filter, reason }] : [];
  for (let start = 0; start < ids.length; start += 500) bodies.push({ ids: ids.slice(start, start + 500), reason });
  let [count, left] = [0, 0];
  for (const json of bodies) {
    for (let more = true; more; ) {
      const answer = await client.call(`/v1/dead-letters/${decision}`, Decision, { json });
      count += answer.count;
      left += answer.left;
      more = answer.more;
    }
  }
  if (options.json) printJson({ count, left });
  else process.stdout.write(`${decision === "replay" ? "replayed" : "discarded"} ${count}\n`);
  if (left > 0) {
    process.stderr.write(`${left} of those named are not open dead letters, or belong to a cancelled batch\n`);
    process.exitCode = exitCodes.someFailed;
  }
}

export function deadLettersCommand(program: Command): void {
  const letters = program.command("dead-letters").description("What will not get further without a decision");
  filters(letters.command("ls"))
    .addOption(new Option("--state <state>", "what became of it").choices(DeadLetterState.options).default("open"))
    .option("-n, --limit <count>", "most that are shown", Number, 50)
    .description("List them, newest first")
    .action(async (options: FilterOptions & { limit: number }) => {
      const client = await connect(options);
      const { batchId, ...rest } = filterOf(options);
      const query = { ...rest, ...(batchId === undefined ? {} : { batch: batchId }), state: options.state };
      const items: DeadLetter[] = [];
      for await (const letter of client.deadLetters(query)) {
        if (items.length >= options.limit) break;
        items.push(letter);
      }
      if (options.json) return printJson(items);
      if (items.length === 0) return void process.stdout.write("no dead letters\n");
      process.stdout.write(`${table(headings, items.map(row))}\n`);
      const known = new Map(items.map(({ code, title, advice }) => [code, `${title} ${advice}`]));
      process.stdout.write(`\n${[...known].map(([code, text]) => `${code}: ${text}`).join("\n")}\n`);
    });
  filters(letters.command("replay"))
    .argument("[ids...]", "dead letters, as `ls` names them")
    .option("--all", "all that wait for a decision, but no poison")
    .description("Try again, from the stage that failed")
    .action(async (ids: string[], options: FilterOptions & { all?: boolean }) =>
      decide(await connect(options), "replay", ids, options),
    );
  filters(letters.command("discard"))
    .argument("[ids...]", "dead letters, as `ls` names them")
    .requiredOption("--reason <text>", "why; kept with them")
    .option("--all", "all that wait for a decision, but no poison")
    .description("Give them up: they stay failed and are not listed any more")
    .action(async (ids: string[], options: FilterOptions & { all?: boolean; reason: string }) =>
      decide(await connect(options), "discard", ids, options),
    );
}
