import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AuditVerdict, chainKeys, readAnchors, verifyAudit } from "@sluice/store";
import { type Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { homeFolder } from "../home.js";
import { connected } from "../options.js";
import { printJson, table } from "../output.js";
import { answered, connectStore, uuid } from "../tenancy.js";

type ListOptions = ConnectOptions & {
  json?: boolean;
  limit: number;
  action?: string;
  actor?: string;
  resource?: string;
  result?: string;
  since?: string;
};

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000) throw new InvalidArgumentError("1 to 100,000.");
  return value;
}

function time(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("A date or time, such as 2026-01-31.");
  return date.toISOString();
}

/** AUDIT_SEAL_KEY, or the local stack's. */
async function sealKey(): Promise<string> {
  const { AUDIT_SEAL_KEY: given, AUDIT_SEAL_KEY_FILE: file } = process.env;
  if (file !== undefined && file !== "") return (await readFile(file, "utf8")).trim();
  if (given !== undefined && given !== "") return given;
  const secrets = await readFile(join(homeFolder(), "secrets.json"), "utf8").catch(() => "{}");
  const { auditSealKey } = JSON.parse(secrets) as { auditSealKey?: string };
  if (auditSealKey === undefined)
    throw new CommandError("Set AUDIT_SEAL_KEY: it is the supervisors' and is not in the database.", exitCodes.usage);
  return auditSealKey;
}

function describe({ links, waiting, anchors, findings }: AuditVerdict): string {
  const lines = [`${links} sealed entries, ${waiting} about to be sealed, ${anchors} anchors`];
  if (findings.length > 0)
    lines.push(
      "",
      table(
        ["finding", "seal", "entry"],
        findings.slice(0, 200).map(({ finding, seq, entryId }) => [finding, seq ?? "", entryId ?? ""]),
      ),
    );
  if (findings.length > 200) lines.push(`… and ${findings.length - 200} more: --json lists them`);
  lines.push("", findings.length === 0 ? "intact" : "NOT intact");
  return lines.join("\n");
}

export function auditCommand(program: Command): void {
  const audit = program.command("audit").description("Who did what, and whether it is still what was written down");
  connected(audit.command("ls"))
    .option("--limit <n>", "how many, newest first", count, 50)
    .option("--action <action>", "such as `search`")
    .option("--actor <id>", "what a person or key did", uuid)
    .option("--resource <id>", "who did something to it", uuid)
    .option("--result <result>", "such as `refused`")
    .option("--since <time>", "not before", time)
    .description("The organization's audit; the key needs `audit:read`")
    .action(async ({ limit, json, ...options }: ListOptions) => {
      const client = await connect(options);
      const { action, actor, resource, result, since } = options;
      const query = { action, actorId: actor, resourceId: resource, result, since };
      const rows: string[][] = [];
      let left = limit;
      for await (const entry of client.audit(query, Math.min(limit, 200))) {
        if (json) printJson(entry);
        else {
          const who = `${entry.actor.kind} ${entry.actor.id ?? ""}`.trim();
          const [first = "", ...more] = entry.resource.ids;
          const what = `${entry.resource.kind} ${first}${more.length > 0 ? ` +${more.length}` : ""}`.trim();
          rows.push([entry.at, entry.action, entry.result, who, what, entry.address ?? ""]);
        }
        left -= 1;
        if (left === 0) break;
      }
      if (!json) process.stdout.write(`${table(["at", "action", "result", "who", "what", "from"], rows)}\n`);
    });
  audit
    .command("verify")
    .option("--anchor <file>", "signed heads that were let out; without it nothing shows whether the end was cut off")
    .option("--json", "JSON for a program")
    .description(
      "Recompute the whole chain by AUDIT_SEAL_KEY, name what was changed, removed, put in or cut off; exit 1 if anything was",
    )
    .action(async ({ anchor, json }: { anchor?: string; json?: boolean }) => {
      const keys = chainKeys(await sealKey());
      const text =
        anchor === undefined
          ? ""
          : await readFile(anchor, "utf8").catch(() => {
              throw new CommandError(`There is no ${anchor}.`, exitCodes.usage);
            });
      const { anchors, unreadable } = readAnchors(text);
      if (anchor !== undefined && anchors.length === 0)
        throw new CommandError(`${anchor} holds no anchors.`, exitCodes.usage);
      if (anchors.length > 0 && anchors.every(({ key }) => key !== keys.fingerprint))
        throw new CommandError("AUDIT_SEAL_KEY is not the key of these anchors.", exitCodes.usage);
      const verdict = await answered(verifyAudit((await connectStore()).audit, keys, anchors));
      if (json) printJson({ intact: verdict.findings.length === 0, unreadableAnchors: unreadable, ...verdict });
      else {
        if (unreadable > 0) process.stderr.write(`${unreadable} lines of ${anchor} can't be read\n`);
        process.stdout.write(`${describe(verdict)}\n`);
      }
      if (verdict.findings.length > 0) process.exitCode = exitCodes.someFailed;
    });
}
