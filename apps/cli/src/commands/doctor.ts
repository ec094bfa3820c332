import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { indexPays } from "@sluice/store";
import type { Command } from "commander";
import { Client } from "../client.js";
import { exitCodes } from "../exit-codes.js";
import { homeFolder, localStack } from "../home.js";
import { printJson, table } from "../output.js";
import { connectStore } from "../tenancy.js";

interface Check {
  name: string;
  ok: boolean;
  /** A missing optional thing is no failure. */
  required: boolean;
  found: string;
  /** How to get it. */
  help: string;
}

const recallSamples = 20;
const goodRecall = 0.9;

const run = promisify(execFile);
const version = (command: string, args: string[]) =>
  run(command, args, { timeout: 5_000 }).then(
    ({ stdout, stderr }) => (stdout || stderr).split("\n")[0]?.trim() ?? "",
    () => undefined,
  );

async function checkNode(): Promise<Check> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return {
    name: "Node.js 20.16 or newer",
    ok: major > 20 || (major === 20 && minor >= 16),
    required: true,
    found: process.versions.node,
    help: "Install Node.js 20, 22 or 24 from your system or nodejs.org.",
  };
}

async function checkRedis(): Promise<Check> {
  const found = (await version("redis-server", ["--version"])) ?? (await version("valkey-server", ["--version"]));
  const own = process.env.REDIS_URL !== undefined;
  return {
    name: "redis-server or valkey-server",
    ok: found !== undefined || own,
    required: true,
    found: own ? "REDIS_URL is set" : (found ?? "not found"),
    help: "sh infra/bootstrap.sh, or your system's package redis-server.",
  };
}

async function checkDisk(): Promise<Check> {
  const stats = await statfs(homeFolder()).catch(() => statfs(dirname(homeFolder())));
  const gigabytes = (stats.bavail * stats.bsize) / 1e9;
  return {
    name: "2 GB of disk",
    ok: gigabytes > 2,
    required: true,
    found: `${gigabytes.toFixed(1)} GB free`,
    help: "Make room, or put SLUICE_HOME on another disk.",
  };
}

async function checkMemory(): Promise<Check> {
  const total = totalmem() / 1e9;
  return {
    name: "4 GB of memory",
    ok: total >= 3.8,
    required: false,
    found: `${total.toFixed(1)} GB, ${(freemem() / 1e9).toFixed(1)} GB free`,
    help: "Run fewer workers, or lower PARSER_MEMORY_MB.",
  };
}

async function checkRecognition(): Promise<Check> {
  const found = await version("tesseract", ["--version"]);
  return {
    name: "tesseract (faster recognition)",
    ok: found !== undefined,
    required: false,
    found: found ?? "not found: pages are recognised by tesseract.js, and the native tests do not run",
    help: "Your system's package tesseract-ocr, with the data of each language in OCR_LANGUAGES.",
  };
}

async function checkService(): Promise<Check[]> {
  const local = await localStack();
  const url = process.env.SLUICE_URL ?? local?.gatewayUrl;
  if (url === undefined)
    return [
      {
        name: "a running service",
        ok: false,
        required: false,
        found: "none here",
        help: "npm start, or set SLUICE_URL.",
      },
    ];
  const client = new Client(url, process.env.SLUICE_API_KEY ?? local?.apiKey ?? "");
  try {
    const { dependencies } = await client.ready();
    const config = await client.config();
    return [
      ...Object.entries(dependencies).map(([name, ok]) => ({
        name: `service reaches ${name}`,
        ok,
        required: true,
        found: ok ? "yes" : "no",
        help: `Look at ${name}: its log, its address in the service's environment.`,
      })),
      {
        name: "service answers",
        ok: true,
        required: true,
        found: `${url}, ${Object.keys(config).length} settings`,
        help: "",
      },
    ];
  } catch {
    return [
      {
        name: "service answers",
        ok: false,
        required: true,
        found: `no answer at ${url}`,
        help: "Start it (npm start) or correct SLUICE_URL.",
      },
    ];
  }
}

/** What the indexes of vectors leave out, compared with exact search for stored vectors; nothing where Supabase's secret key is not at hand. */
async function checkIndexes(): Promise<Check[]> {
  const store = await connectStore().catch(() => undefined);
  if (store === undefined) return [];
  try {
    const checks: Check[] = [];
    for (const { model, vectors, index, canHave } of await store.vectorIndexes.list()) {
      const found = index === null ? null : await store.vectorIndexes.recall(model, recallSamples);
      const recall = found?.recall ?? null;
      checks.push({
        name: `search by vector (${model})`,
        ok: index === null ? !canHave || vectors < indexPays : recall === null || recall >= goodRecall,
        required: false,
        found:
          index === null
            ? `${vectors} vectors, no index: all are compared`
            : `${vectors} vectors, index ${index}, recall@10 ${recall ?? "unknown"} against exact search (${found?.samples ?? 0} samples)`,
        help:
          index === null
            ? `sluice index build ${model}`
            : "Build the index anew (drop it first), or raise SEARCH_EXACT_BELOW so that more is compared exactly.",
      });
    }
    return checks;
  } catch {
    return [];
  }
}

export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .option("--json", "JSON for a program")
    .description("What this machine lacks, and how to get it")
    .action(async (options: { json?: boolean }) => {
      const checks = [
        ...(await Promise.all([checkNode(), checkRedis(), checkDisk(), checkMemory(), checkRecognition()])),
        ...(await checkService()),
        ...(await checkIndexes()),
      ];
      if (options.json) printJson(checks);
      else {
        const mark = (check: Check) => (check.ok ? "ok" : check.required ? "MISSING" : "–");
        process.stdout.write(
          `${table(
            ["", "check", "found"],
            checks.map((check) => [mark(check), check.name, check.found]),
          )}\n`,
        );
        for (const check of checks.filter((each) => !each.ok)) process.stdout.write(`\n${check.name}: ${check.help}`);
        process.stdout.write("\n");
      }
      if (checks.some((check) => check.required && !check.ok)) process.exitCode = exitCodes.someFailed;
    });
}
