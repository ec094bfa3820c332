import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createStack, type Stack, type StackInfo, type StackOptions } from "@sluice/local";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { homeFolder } from "../home.js";
import { jsonLine, prettyLine } from "../log-lines.js";

function count(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 64)
    throw new CommandError(`${name} must be a whole number from 1 to 64.`, exitCodes.usage);
  return value;
}

function gatewayPort(): number | undefined {
  const text = process.env.PORT;
  if (text === undefined || text === "") return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CommandError("PORT must be a whole number from 0 to 65535.", exitCodes.usage);
  return port;
}

/** The stack as the environment describes it. */
export function stackFromEnvironment(options: Pick<StackOptions, "home" | "log">): Stack {
  return createStack({
    ...options,
    env: process.env,
    port: gatewayPort(),
    workers: {
      parsers: count("SLUICE_PARSERS"),
      recognisers: count("SLUICE_RECOGNISERS"),
      chunkers: count("SLUICE_CHUNKERS"),
      embedders: count("SLUICE_EMBEDDERS"),
    },
  });
}

/** Lines of JSON to a file that only its owner reads. */
export function logFile(home: string, name: string): StackOptions["log"] {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const stream = createWriteStream(join(home, name), { flags: "a", mode: 0o600 });
  return (source, line) => stream.write(`${jsonLine(source, line)}\n`);
}

/** A readable line each at a terminal, JSON for programs. */
function logOutput(): StackOptions["log"] {
  const colour = process.stdout.isTTY && (process.env.NO_COLOR ?? "") === "";
  const format = process.stdout.isTTY
    ? (source: string, line: string) => prettyLine(source, line, { colour })
    : jsonLine;
  return (source, line) => process.stdout.write(`${format(source, line)}\n`);
}

function describe(info: StackInfo, home: string): string {
  return [
    "",
    `  Sluice is running at ${info.gatewayUrl}    docs: ${info.gatewayUrl}/docs`,
    `  key and addresses are in ${join(home, "local.json")}; other terminals in this folder find them there`,
    "  try: npm run -s sluice -- ingest samples/documents --wait",
    "  Ctrl-C stops everything",
    "",
  ].join("\n");
}

/** Runs `work` with signals stopping the stack; a second Ctrl-C quits at once. */
export async function withSignals(stack: Stack, work: (stopped: Promise<void>) => Promise<void>): Promise<void> {
  let stopping = false;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (stopping && signal === "SIGINT") process.exit(130);
        stopping = true;
        process.stderr.write("\nstopping …\n");
        stack.destroy().then(resolve, resolve);
      });
    }
  });
  await work(stopped);
}

export function upCommand(program: Command): void {
  program
    .command("up")
    .description("Run the whole stack on this machine and keep it up")
    .action(async () => {
      const home = homeFolder();
      const stack = stackFromEnvironment({ home, log: logOutput() });
      process.stderr.write("starting Redis, Supabase and the five services …\n");
      await withSignals(stack, async (stopped) => {
        const info = await Promise.race([stack.start(), stopped]).catch((error: Error) => {
          throw new CommandError(`The stack did not start: ${error.message}`, exitCodes.unreachable);
        });
        if (info !== undefined) process.stderr.write(`${describe(info, home)}\n`);
        await stopped;
      });
      process.exit(0);
    });
}
