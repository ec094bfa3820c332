import { type Batch, BatchActionAnswer, batchActions } from "@sluice/contracts";
import { type Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { exitCodes } from "../exit-codes.js";
import { connected } from "../options.js";
import { printable, printJson, table } from "../output.js";
import { uuid } from "../tenancy.js";

type Options = ConnectOptions & { json?: boolean };

export const batchHeadings = ["batch", "name", "state", "submitted", "in flight", "vectorized", "failed", "duplicates"];
export function batchRow(batch: Batch): (string | number)[] {
  const { vectorized = 0, failed = 0 } = batch.counts;
  return [
    batch.id,
    printable(batch.name, 40),
    stateOf(batch),
    batch.submitted,
    batch.inFlight,
    vectorized,
    failed,
    batch.duplicates,
  ];
}

function stateOf(batch: Batch): string {
  if (batch.complete) return "complete";
  if (batch.cancelledAt !== null) return "cancelled";
  if (batch.pausedAt !== null) return "paused";
  return batch.sealedAt === null ? "open" : "running";
}

function describe(batch: Batch): string {
  const left = batch.secondsLeft === null ? "unknown" : `${batch.secondsLeft} s`;
  const lines = [table(batchHeadings, [batchRow(batch)]), "", `at ${batch.ratePerMinute} a minute; time left: ${left}`];
  if (batch.short !== null && batch.short > 0)
    lines.push(`${batch.short} of the ${batch.expected} expected are missing`);
  return lines.join("\n");
}

const verbs: Record<(typeof batchActions)[number], string> = {
  seal: "Take no more documents; it is complete when all are final",
  pause: "Hold back what is not being worked on",
  resume: "Go on",
  cancel: "Give up what is not finished, and take no more",
  retry: "Try again what failed, but no poison",
};

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("A number.");
  return Number(text);
}

export function batchCommand(program: Command): void {
  const batch = program.command("batch").description("Batches, and what can be done with a whole one");
  connected(batch.command("ls"))
    .description("The newest batches")
    .action(async (options: Options) => {
      const { items } = await (await connect(options)).batches();
      if (options.json) return printJson(items);
      process.stdout.write(items.length === 0 ? "no batches yet\n" : `${table(batchHeadings, items.map(batchRow))}\n`);
    });
  connected(batch.command("show"))
    .argument("<id>", "the batch", uuid)
    .description("Counts, rate and time left; exit 1 if anything in it failed")
    .action(async (id: string, options: Options) => {
      const found = await (await connect(options)).batch(id);
      if (options.json) printJson(found);
      else process.stdout.write(`${describe(found)}\n`);
      if ((found.counts.failed ?? 0) > 0) process.exitCode = exitCodes.someFailed;
    });
  for (const action of batchActions) {
    const command = connected(batch.command(action)).argument("<id>", "the batch", uuid).description(verbs[action]);
    if (action === "seal") command.option("--expected <count>", "how many documents it should hold", count);
    command.action(async (id: string, options: Options & { expected?: number }) => {
      const client = await connect(options);
      const json = action === "seal" ? { expected: options.expected } : {};
      for (;;) {
        const done = await client.call(`/v1/batches/${id}/${action}`, BatchActionAnswer, { json });
        if (done.more) continue;
        if (options.json) printJson(done);
        else process.stdout.write(`${describe(done)}\n`);
        return;
      }
    });
  }
}
