import { Reindex, ReindexEstimate, ReindexList } from "@sluice/contracts";
import { type Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import { connected } from "../options.js";
import { printJson, usd } from "../output.js";

type Options = ConnectOptions & { json?: boolean };

/** `7d`, `12h`, `30m`, `0s` in seconds. */
function duration(text: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new InvalidArgumentError("As 7d, 12h, 30m or 0s.");
  return Number(count) * ({ s: 1, m: 60, h: 3_600, d: 86_400 }[unit] ?? 1);
}

function describe(reindex: Reindex): string {
  const { model, fromModel, state, documentsLeft, passagesEmbedded, passagesRefused, waitingFor } = reindex;
  const saying = {
    running: `search reads ${fromModel} until all is there; ${documentsLeft} documents to go${reindex.looking ? ", and more are looked for" : ""}`,
    flipped: `search reads ${model}; until ${reindex.windowUntil} back with: sluice reindex rollback`,
    rolling_back: `search reads ${model} until ${documentsLeft} documents have their vectors of ${fromModel}`,
    rolled_back: `search reads ${fromModel} again; both are kept up until ${reindex.windowUntil}`,
    closing: "vectors that nobody reads are being removed",
    done: `over since ${reindex.finishedAt}`,
  };
  const lines = [
    `${fromModel} → ${model}: ${state}${reindex.cancelled ? " (cancelled)" : ""}: ${saying[state]}`,
    `${passagesEmbedded} passages embedded`,
  ];
  if (passagesRefused > 0)
    lines.push(
      `${passagesRefused} passages can't be embedded by this model${reindex.acceptMissing ? "" : "; to do without them: --accept-missing"}`,
    );
  if (waitingFor !== null) lines.push(`waits: ${waitingFor}`);
  return lines.join("\n  ");
}

export function reindexCommand(program: Command): void {
  const reindex = program.command("reindex").description("Change the embedding model while search goes on");
  const print = (options: Options, answer: Reindex) =>
    options.json ? printJson(answer) : void process.stdout.write(`${describe(answer)}\n`);

  connected(reindex.command("start", { isDefault: true }))
    .option("--model <id>", "provider/name/dimensions, as EMBEDDING_NEXT_… configures it")
    .option("--estimate", "only say what it would cost and how long it would take")
    .option("--window <time>", "how long it can be rolled back after the flip", duration, 7 * 86_400)
    .option("--accept-missing", "flip even though the model refuses passages")
    .description("Embed what is there by another model in the background, and search by it when all is there")
    .action(
      async (options: Options & { model?: string; estimate?: boolean; window: number; acceptMissing?: boolean }) => {
        const { model } = options;
        if (model === undefined) throw new CommandError("Say which: --model provider/name/dimensions", exitCodes.usage);
        const client = await connect(options);
        if (options.estimate) {
          const found = await client.call("/v1/admin/reindex/estimate", ReindexEstimate, { json: { model } });
          if (options.json) return printJson(found);
          const cost = found.usd === null ? "no price known" : usd(found.usd);
          const time =
            found.minutes === null
              ? "time unknown, nothing was measured yet"
              : `about ${found.minutes} minutes, one request at a time`;
          process.stdout.write(
            `${found.documents} documents, ${found.passages} passages, ${found.tokens} tokens: ${cost}, ${time}\n`,
          );
          return;
        }
        const json = { model, windowSeconds: options.window, acceptMissing: options.acceptMissing === true };
        print(options, await client.call("/v1/admin/reindex", Reindex, { json }));
      },
    );
  connected(reindex.command("status"))
    .description("The model that search reads, and changes of it")
    .action(async (options: Options) => {
      const answer = await (await connect(options)).call("/v1/admin/reindex", ReindexList);
      if (options.json) return printJson(answer);
      process.stdout.write(`search reads ${answer.activeModel ?? "no model yet"}\n`);
      for (const each of answer.items) process.stdout.write(`${describe(each)}\n`);
    });
  connected(reindex.command("rollback"))
    .option("--accept-missing", "though the old model refuses passages")
    .description("Search by the model of before again")
    .action(async (options: Options & { acceptMissing?: boolean }) => {
      const json = { acceptMissing: options.acceptMissing === true };
      print(options, await (await connect(options)).call("/v1/admin/reindex/rollback", Reindex, { json }));
    });
  connected(reindex.command("cancel"))
    .description("Give up one that search does not read; its vectors are removed")
    .action(async (options: Options) => {
      print(options, await (await connect(options)).call("/v1/admin/reindex/cancel", Reindex, { method: "POST" }));
    });
}
