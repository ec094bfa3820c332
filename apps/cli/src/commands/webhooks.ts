import { CreatedWebhook, list, Webhook, WebhookDelivery, webhookEvents } from "@sluice/contracts";
import { type Command, Option } from "commander";
import { z } from "zod";
import { type ConnectOptions, connect } from "../client.js";
import { connected } from "../options.js";
import { printable, printJson, table } from "../output.js";
import { uuid } from "../tenancy.js";

type Options = ConnectOptions & { json?: boolean };

export function webhooksCommand(program: Command): void {
  const webhooks = program.command("webhooks").description("Whom to tell when documents and batches are final");
  connected(webhooks.command("add"))
    .argument("<url>", "where to send")
    .addOption(new Option("--events <events...>", "what of; all, where not said").choices([...webhookEvents]))
    .description("Tell an address; prints the secret that deliveries are signed with, this once")
    .action(async (url: string, options: Options & { events?: string[] }) => {
      const json = { url, events: options.events };
      const made = await (await connect(options)).call("/v1/webhooks", CreatedWebhook, { json });
      if (options.json) return printJson(made);
      process.stdout.write(`${made.secret}\n`);
      process.stderr.write(`webhook ${made.id}: the secret is shown this once\n`);
    });
  connected(webhooks.command("ls"))
    .description("List them")
    .action(async (options: Options) => {
      const { items } = await (await connect(options)).call("/v1/webhooks", list(Webhook));
      if (options.json) return printJson(items);
      const rows = items.map(({ id, url, events }) => [id, printable(url, 60), events.join(" ")]);
      process.stdout.write(rows.length === 0 ? "no webhooks\n" : `${table(["webhook", "address", "events"], rows)}\n`);
    });
  connected(webhooks.command("rm"))
    .argument("<id>", "the webhook", uuid)
    .description("Tell it nothing more")
    .action(async (id: string, options: Options) => {
      await (await connect(options)).call(`/v1/webhooks/${id}`, z.unknown(), { method: "DELETE" });
      if (options.json) printJson({ id, removed: true });
      else process.stdout.write(`removed ${id}\n`);
    });
  connected(webhooks.command("deliveries"))
    .argument("<id>", "the webhook", uuid)
    .description("What it was told, newest first")
    .action(async (id: string, options: Options) => {
      const { items } = await (await connect(options)).call(`/v1/webhooks/${id}/deliveries`, list(WebhookDelivery));
      if (options.json) return printJson(items);
      const rows = items.map((each) => [
        each.id,
        each.event,
        each.state,
        each.attempts,
        each.lastStatus ?? each.lastCode ?? "",
        each.createdAt.slice(0, 19).replace("T", " "),
      ]);
      const headings = ["delivery", "event", "state", "tries", "answer", "made"];
      process.stdout.write(rows.length === 0 ? "nothing yet\n" : `${table(headings, rows)}\n`);
    });
  connected(webhooks.command("redeliver"))
    .argument("<delivery>", "as `deliveries` names it", uuid)
    .description("Send it once more, under the same id")
    .action(async (id: string, options: Options) => {
      await (await connect(options)).call(`/v1/webhook-deliveries/${id}/redeliver`, z.unknown(), { method: "POST" });
      if (options.json) printJson({ id, due: true });
      else process.stdout.write(`${id} is due\n`);
    });
}
