import { type Command, InvalidArgumentError } from "commander";
import { exitCodes } from "../exit-codes.js";
import { readMetrics } from "../metrics.js";
import { printJson, table } from "../output.js";
import { estimate, type Plan, stageNames, type Task, utilisation } from "../plan/estimate.js";
import { leastJobs, measuredTimes } from "../plan/service-times.js";
import { simulate } from "../plan/simulate.js";

interface Options {
  documents: number;
  pagesPerDocument: number;
  scanned: number;
  deadline: number;
  dimensions: number;
  tokensPerMinute?: number;
  usdPerMillion: number;
  metrics?: string[];
  json?: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("must be a number above 0");
  return value;
}
function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("must be from 0 to 1");
  return value;
}
const units: Record<string, number> = { m: 60, h: 3_600, d: 86_400 };
function duration(text: string): number {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)([mhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (units[unit] ?? Number.NaN);
  if (!(seconds > 0)) throw new InvalidArgumentError("must be like 90m, 12h or 30d");
  return seconds;
}

const round = (value: number, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const days = (seconds: number) => `${round(seconds / 86_400, 1)} days`;

function print(task: Task, plan: Plan, simulated: ReturnType<typeof simulate>, measured: string[]): void {
  const rows = stageNames.map((name) => {
    const { documents, secondsPerDocument, workers } = plan.stages[name];
    return [
      name,
      round(documents),
      round(secondsPerDocument, 3),
      task.slots[name],
      workers,
      `${round(simulated.busy[name] * 100)}%`,
    ];
  });
  const headings = ["stage", "documents", "seconds each", "slots a process", "processes", "busy"];
  const lines = [
    table(headings, rows),
    "",
    `Planned at ${utilisation * 100}% of what workers can do. Simulated document by document: ${days(simulated.seconds)} of ${days(task.deadlineSeconds)}.`,
    `Embeddings: ${round(plan.chunks)} passages, ${round(plan.tokens / 1e6)} million tokens, ${round(plan.tokensPerMinute)} tokens and ${round(plan.requestsPerMinute, 1)} requests a minute, ${round(plan.usd)} US dollars.`,
    `Redis ${plan.redisMb} MB. Postgres ${round(plan.postgresGb)} GB, and ${round(plan.vectorIndexGb)} GB for the index of vectors, which should fit into its memory. Storage: the originals.`,
    measured.length > 0
      ? `Measured here: ${measured.join(", ")}; the rest as shipped.`
      : `Service times are as shipped: nothing is running here that has done ${leastJobs} jobs of a stage. Ingest a sample first, and ask again.`,
  ];
  if (plan.impossible !== null) lines.push(plan.impossible);
  process.stdout.write(`${lines.join("\n")}\n`);
}

export function planCommand(program: Command): void {
  program
    .command("plan")
    .description("How many workers a backlog needs, and what it takes otherwise")
    .requiredOption("--documents <n>", "how many", positive)
    .option("--pages-per-document <n>", "pages of a document, in the mean", positive, 4)
    .option("--scanned <share>", "documents whose pages must be recognised, from 0 to 1", share, 0)
    .requiredOption("--deadline <time>", "until all is searchable: 90m, 12h, 30d", duration)
    .option("--dimensions <n>", "length of the vectors", positive, 1_536)
    .option("--tokens-per-minute <n>", "what the provider of embeddings allows", positive)
    .option("--usd-per-million <n>", "what a million tokens cost", Number, 0.02)
    .option("--metrics <url...>", "services whose times are taken; the local stack's unless given")
    .option("--json", "JSON for a program")
    .action(async (options: Options) => {
      const { times, measured } = measuredTimes(await readMetrics(options.metrics));
      const task: Task = {
        documents: options.documents,
        pagesPerDocument: options.pagesPerDocument,
        scanned: options.scanned,
        deadlineSeconds: options.deadline,
        dimensions: options.dimensions,
        // As the services have them unless told otherwise; an embedder's documents share its requests.
        slots: { parser: 2, recogniser: 1, chunker: 4, embedder: 32 },
        tokensPerMinute: options.tokensPerMinute ?? null,
        usdPerMillionTokens: options.usdPerMillion,
      };
      const plan = estimate(task, times);
      const simulated = simulate(task, plan);
      if (options.json) printJson({ ...plan, times, measured, simulated });
      else print(task, plan, simulated, measured);
      if (plan.impossible !== null) process.exitCode = exitCodes.someFailed;
    });
}
