import { buildVectorIndex, connectPostgres } from "@sluice/store";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { printJson, table } from "../output.js";
import { answered, connectStore } from "../tenancy.js";

/** Building takes minutes where there are many. */
const buildMs = 6 * 3_600_000;

export function indexCommand(program: Command): void {
  const index = program.command("index").description("Indexes of vectors: one per embedding model");
  index
    .command("ls")
    .option("--json", "JSON for a program")
    .description("List the models that have vectors, and their indexes")
    .action(async (options: { json?: boolean }) => {
      const all = await answered((await connectStore()).vectorIndexes.list());
      if (options.json) return printJson(all);
      const rows = all.map(({ model, vectors, index: type, bytes }) => [
        model,
        String(vectors),
        type ?? "none: all are compared",
        bytes === null ? "" : `${(bytes / 1e6).toFixed(1)} MB`,
      ]);
      process.stdout.write(
        all.length === 0 ? "no vectors yet\n" : `${table(["model", "vectors", "index", "size"], rows)}\n`,
      );
    });
  index
    .command("build")
    .argument("<model>", "as `index ls` names it")
    .description(
      "Build a model's index: beside what goes on with SUPABASE_DB_URL; on the local stack everything waits meanwhile",
    )
    .action(async (model: string) => {
      const store = await connectStore({ timeoutMs: buildMs });
      const known = (await answered(store.vectorIndexes.list())).find((each) => each.model === model);
      if (known === undefined)
        throw new CommandError("No vectors of that model. See: sluice index ls", exitCodes.usage);
      const url = process.env.SUPABASE_DB_URL;
      if (!known.isEmbedded && url === undefined)
        throw new CommandError(
          "Set SUPABASE_DB_URL: the index is built over a connection of its own.",
          exitCodes.usage,
        );
      if (known.isEmbedded)
        process.stderr.write(`${known.vectors} vectors: uploads, work and search wait until the index is built\n`);
      const build = async () => {
        if (known.isEmbedded || url === undefined) return answered(store.vectorIndexes.build(model));
        const db = await connectPostgres(url);
        return buildVectorIndex(db, model).finally(() => db.destroy());
      };
      const outcome = await build();
      if (outcome === "not_possible")
        throw new CommandError("A model of more than 4,000 dimensions can't have an index.", exitCodes.someFailed);
      process.stdout.write(outcome === "building" ? "somebody is building it already\n" : "built\n");
    });
}
