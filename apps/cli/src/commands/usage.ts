import { Budget, type BudgetRequest, UsageAnswer } from "@sluice/contracts";
import { type Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, connect } from "../client.js";
import { connected } from "../options.js";
import { printJson, table, usd } from "../output.js";

type Options = ConnectOptions & { json?: boolean };

function describe({ usd: limit, tokens, usedUsd, usedTokens, reservedTokens, state, warnShare }: Budget): string {
  const used = `${usd(usedUsd)} and ${usedTokens} tokens used this month, ${reservedTokens} tokens under way`;
  const limits = [limit === null ? [] : usd(limit), tokens === null ? [] : `${tokens} tokens`].flat();
  if (limits.length === 0) return `no budget: ${used}`;
  const saying = {
    well: `says so at ${Math.round(warnShare * 100)} %`,
    warned: "near its end",
    exhausted: "USED UP: documents wait before embedding. Raise it with: sluice budget set",
  };
  return `budget ${limits.join(" and ")} a month: ${used}; ${saying[state]}`;
}

type Amount = number | "none";
function amount(text: string): Amount {
  if (text === "none") return text;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError("A number, or none.");
  return value;
}

const limit = (given: Amount | undefined) => (given === undefined || given === "none" ? null : given);

export function usageCommand(program: Command): void {
  connected(program.command("usage"))
    .option("--months <n>", "this one and those before", "12")
    .description("What embedding used, cost and saved, by month and model")
    .action(async (options: Options & { months: string }) => {
      const path = `/v1/usage?months=${encodeURIComponent(options.months)}`;
      const answer = await (await connect(options)).call(path, UsageAnswer);
      if (options.json) return printJson(answer);
      const rows = answer.items.map((each) => [
        each.month,
        `${each.provider}/${each.model}`,
        each.requests,
        each.tokens,
        each.unpricedTokens === each.tokens && each.tokens > 0 ? "no price known" : usd(each.costUsd),
        each.savedTokens,
        usd(each.savedUsd),
      ]);
      const heads = ["month", "model", "requests", "tokens", "cost", "tokens saved", "saved"];
      process.stdout.write(rows.length === 0 ? "nothing used yet\n" : `${table(heads, rows)}\n`);
      process.stdout.write(`\n${describe(answer.budget)}\n`);
    });

  const budget = program.command("budget").description("What embedding may cost in a month");
  connected(budget.command("show", { isDefault: true }))
    .description("Show it")
    .action(async (options: Options) => {
      const { budget: now } = await (await connect(options)).call("/v1/usage?months=1", UsageAnswer);
      if (options.json) printJson(now);
      else process.stdout.write(`${describe(now)}\n`);
    });
  connected(budget.command("set"))
    .option("--usd <amount>", "US dollars a month, or none", amount)
    .option("--tokens <count>", "tokens a month, or none", amount)
    .option("--warn <percent>", "of it, at which it is said that the end is near", "80")
    .description("Set it, for this month and all that follow; what is not given is no limit")
    .action(async (options: Options & { usd?: Amount; tokens?: Amount; warn: string }) => {
      const json: BudgetRequest = {
        usd: limit(options.usd),
        tokens: limit(options.tokens),
        warnShare: Number(options.warn) / 100,
      };
      const now = await (await connect(options)).call("/v1/admin/budget", Budget, { json });
      if (options.json) printJson(now);
      else process.stdout.write(`${describe(now)}\n`);
    });
}
