import { applyMigrations, connectPostgres } from "@sluice/store";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { localStack } from "../home.js";

export function migrateCommand(program: Command): void {
  program
    .command("migrate")
    .option("--db-url <url>", "Postgres (better: SUPABASE_DB_URL)")
    .description("Apply what is missing of the database's migrations")
    .action(async (options: { dbUrl?: string }) => {
      const url = options.dbUrl ?? process.env.SUPABASE_DB_URL ?? (await localStack())?.databaseUrl;
      if (url === undefined || url === null) {
        throw new CommandError(
          "No database: set SUPABASE_DB_URL. The local stack migrates its own when it starts.",
          exitCodes.usage,
        );
      }
      const db = await connectPostgres(url).catch((error: { code?: string }) => {
        throw new CommandError(`The database can't be reached (${error.code ?? "no answer"}).`, exitCodes.unreachable);
      });
      try {
        const applied = await applyMigrations(db);
        process.stdout.write(
          applied.length === 0 ? "nothing to do\n" : applied.map((version) => `applied ${version}\n`).join(""),
        );
      } finally {
        await db.destroy();
      }
    });
}
