import type { Command } from "commander";

/** The options of every command that speaks to the service. */
export const connected = (command: Command): Command =>
  command
    .option("--json", "JSON for a program")
    .option("--url <url>", "the gateway")
    .option("--key <key>", "the API key");
