import { describeCode, list, Queue, type QueueName, queueNames } from "@sluice/contracts";
import { Argument, type Command } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { connected } from "../options.js";
import { printJson, table } from "../output.js";

type Options = ConnectOptions & { json?: boolean };
const Queues = list(Queue);

function print(items: Queue[], json: boolean | undefined): void {
  if (json) {
    printJson(items);
    return;
  }
  const rows = items.map(({ queue, documents, inFlight, breakers }) => [
    queue,
    documents,
    inFlight,
    breakers.map(({ code, everybody }) => (everybody ? code : `${code} (this organization)`)).join(", ") || "open",
  ]);
  process.stdout.write(`${table(["queue", "documents", "in flight", "state"], rows)}\n`);
  for (const { queue, breakers } of items)
    for (const { code, since, retryAt } of breakers) {
      const { title, advice } = describeCode(code);
      const next = retryAt === null ? "" : ` One document tries at ${retryAt}.`;
      process.stdout.write(`\n${queue}: ${title} Since ${since}.${next} ${advice}\n`);
    }
}

export function queuesCommand(program: Command): void {
  const queues = program.command("queues").description("What waits before each stage, and what holds it up");
  connected(queues.command("ls", { isDefault: true }))
    .description("Show them")
    .action(async (options: Options) => {
      const { items } = await (await connect(options)).call("/v1/admin/queues", Queues);
      print(items, options.json);
    });
  for (const [verb, text] of [
    ["pause", "Take nothing more from these queues, of this organization"],
    ["resume", "Go on with these queues"],
  ] as const)
    connected(queues.command(verb))
      .addArgument(new Argument("[queues...]", "all, where none is named").choices([...queueNames]))
      .description(text)
      .action(async (names: QueueName[], options: Options) => {
        const json = { queues: names.length === 0 ? queueNames : names };
        const { items } = await (await connect(options)).call(`/v1/admin/queues/${verb}`, Queues, { json });
        print(items, options.json);
      });
}
