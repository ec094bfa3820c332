#!/usr/bin/env node
import { createRequire } from "node:module";
import { Command } from "commander";
import { z } from "zod";
import { isNetworkError, ProblemError } from "./client.js";
import { auditCommand } from "./commands/audit.js";
import { batchCommand } from "./commands/batch.js";
import { deadLettersCommand } from "./commands/dead-letters.js";
import { demoCommand } from "./commands/demo.js";
import { doctorCommand } from "./commands/doctor.js";
import { ingestCommand } from "./commands/ingest.js";
import { keysCommand } from "./commands/keys.js";
import { ledgerCommand } from "./commands/ledger.js";
import { memberCommand } from "./commands/member.js";
import { migrateCommand } from "./commands/migrate.js";
import { orgCommand } from "./commands/org.js";
import { planCommand } from "./commands/plan.js";
import { queuesCommand } from "./commands/queues.js";
import { reindexCommand } from "./commands/reindex.js";
import { reprocessCommand } from "./commands/reprocess.js";
import { searchCommand } from "./commands/search.js";
import { statusCommand } from "./commands/status.js";
import { topCommand } from "./commands/top.js";
import { upCommand } from "./commands/up.js";
import { usageCommand } from "./commands/usage.js";
import { indexCommand } from "./commands/vector-index.js";
import { webhooksCommand } from "./commands/webhooks.js";
import { whyCommand } from "./commands/why.js";
import { CommandError, exitCodes } from "./exit-codes.js";

const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)("../package.json"));

const program = new Command("sluice")
  .version(version, "--version", "the version")
  .description("Clinical documents in bulk, made searchable, with nothing lost")
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
  });
for (const add of [
  upCommand,
  ingestCommand,
  statusCommand,
  whyCommand,
  searchCommand,
  indexCommand,
  batchCommand,
  deadLettersCommand,
  reprocessCommand,
  reindexCommand,
  queuesCommand,
  planCommand,
  topCommand,
  webhooksCommand,
  ledgerCommand,
  usageCommand,
  auditCommand,
  migrateCommand,
  orgCommand,
  memberCommand,
  keysCommand,
  doctorCommand,
  demoCommand,
])
  add(program);

try {
  await program.parseAsync();
} catch (error) {
  const [message, code] =
    error instanceof CommandError
      ? [error.message, error.exitCode]
      : error instanceof ProblemError
        ? [
            `${error.problem.code}: ${error.message}`,
            error.problem.status >= 500 ? exitCodes.unreachable : exitCodes.someFailed,
          ]
        : isNetworkError(error)
          ? ["The service can't be reached. Is it running? Try: sluice doctor", exitCodes.unreachable]
          : [error instanceof Error ? (error.stack ?? error.message) : String(error), exitCodes.someFailed];
  process.stderr.write(`sluice: ${message}\n`);
  process.exitCode = code;
}
