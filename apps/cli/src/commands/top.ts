import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exit-codes.js";
import { parseMetrics, readMetrics } from "../metrics.js";
import { printJson } from "../output.js";
import { createView, type Look, render } from "../top/view.js";

interface Options {
  metrics?: string[];
  every: number;
  once?: boolean;
  json?: boolean;
}

async function look(urls: string[] | undefined): Promise<Look> {
  const texts = await readMetrics(urls);
  if (texts.length === 0)
    throw new CommandError("Nothing runs here. Name the services' metrics: --metrics URL …", exitCodes.unreachable);
  return { at: performance.now(), series: texts.flatMap(parseMetrics) };
}

/** Over what was there, line by line: a screen that is emptied first flickers. */
function draw(text: string): void {
  const lines = text.split("\n").map((line) => `${line}\u001b[K`);
  process.stdout.write(`\u001b[H${lines.join("\n")}\u001b[J`);
}

export function topCommand(program: Command): void {
  program
    .command("top")
    .description("Stages, rates, ages and workers, as they are now")
    .option("--metrics <url...>", "where services show their metrics; the local stack's unless given")
    .option("--every <seconds>", "how often to look", Number, 2)
    .option("--once", "look twice and end")
    .option("--json", "a line of JSON for each look, for a program")
    .action(async (options: Options) => {
      const isLive = process.stdout.isTTY && !options.json && !options.once;
      let before: Look | undefined;
      // The terminal gets its own screen back, however this ends.
      if (isLive) {
        process.stdout.write("\u001b[?1049h\u001b[?25l");
        process.once("exit", () => process.stdout.write("\u001b[?25h\u001b[?1049l"));
        process.once("SIGINT", () => process.exit(exitCodes.ok));
        process.once("SIGTERM", () => process.exit(exitCodes.ok));
      }
      for (;;) {
        const now = await look(options.metrics);
        const view = createView(now, before);
        const isShown = !options.once || before !== undefined;
        if (isShown && options.json) printJson(view);
        else if (isShown && isLive) draw(`${new Date().toTimeString().slice(0, 8)}   Ctrl-C ends\n\n${render(view)}`);
        else if (isShown) process.stdout.write(`${render(view)}\n`);
        if (options.once && before !== undefined) return;
        before = now;
        await sleep(Math.max(0.2, options.every) * 1_000);
      }
    });
}
