import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Ledger } from "@sluice/contracts";
import { createStack, type StackInfo } from "@sluice/local";
import { z } from "zod";
import { caller, complete, openBatch, send } from "./client.js";
import { filesBelow, writeCorpus } from "./corpus.js";
import { usage } from "./processes.js";

/** The sum of a metric's samples over all services, by one label's values. */
async function sumBy(info: StackInfo, metric: string, label: string): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const url of Object.values(info.metricsUrls)) {
    for (const line of (await (await fetch(url)).text()).split("\n")) {
      const match = new RegExp(`^${metric}\\{([^}]*)\\} ([\\d.e+-]+)$`).exec(line);
      if (match === null) continue;
      const value = new RegExp(`${label}="([^"]*)"`).exec(match[1] ?? "")?.[1] ?? "";
      sums[value] = (sums[value] ?? 0) + Number(match[2]);
    }
  }
  return sums;
}

const round = (value: number) => Math.round(value * 10) / 10;

export interface IngestOptions {
  /** Added to the environment of the services. */
  env?: Record<string, string>;
  parsers?: number;
}

/** Files through a whole stack of its own: rates, CPU and memory by process, and where the time went by stage. */
export async function ingest(files: string[], { env = {}, parsers = 1 }: IngestOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const stack = createStack({
    home: join(folder, "home"),
    env: { ...process.env, ...env },
    workers: { parsers },
    log: () => {},
  });
  try {
    const { gatewayUrl, apiKey } = await stack.start();
    const call = caller(gatewayUrl, apiKey);
    const before = usage((await stack.info()).pids);
    const began = performance.now();
    const batch = await openBatch(call);
    const receipts = await send(call, batch, files);
    const uploadSeconds = (performance.now() - began) / 1_000;
    const { finished: documents, counts } = await complete(call, batch);
    const seconds = (performance.now() - began) / 1_000;

    const info = await stack.info();
    const sum = (values: Record<string, number>) => Object.values(values).reduce((total, each) => total + each, 0);
    const pages = sum(await sumBy(info, "sluice_pages_parsed_total", "format"));
    const chunks = (await sumBy(info, "sluice_chunks_total", "service")).chunker ?? 0;
    const processes = Object.fromEntries(
      Object.entries(usage(info.pids)).map(([name, { cpuSeconds, peakMb }]) => [
        name,
        { cpuSeconds: round(cpuSeconds - (before[name]?.cpuSeconds ?? 0)), peakMb },
      ]),
    );
    const { ledger } = await call("/v1/ledger", z.object({ ledger: Ledger }));
    return {
      files: files.length,
      documents,
      pages,
      chunks,
      seconds: round(seconds),
      uploadSeconds: round(uploadSeconds),
      documentsPerSecond: round(documents / seconds),
      pagesPerSecond: round(pages / seconds),
      chunksPerSecond: round(chunks / seconds),
      counts,
      stages: await sumBy(info, "sluice_job_duration_seconds_sum", "stage"),
      waits: await sumBy(info, "sluice_queue_wait_seconds_sum", "stage"),
      processes,
      restarts: sum(info.restarts),
      refused: receipts.filter((receipt) => receipt.id === undefined).length,
      imbalance: ledger.imbalance,
    };
  } finally {
    await stack.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

export type IngestFigures = Awaited<ReturnType<typeof ingest>>;

/** Whether everything came to its end, and nothing fell over on the way. */
export const isWhole = ({ imbalance, restarts, refused }: IngestFigures) =>
  imbalance === 0 && restarts === 0 && refused === 0;

export function printStages({ stages, waits, documents, processes }: IngestFigures): void {
  console.log("by stage, seconds summed over documents:");
  console.table(
    Object.fromEntries(
      Object.entries(stages).map(([stage, working]) => [
        stage,
        {
          working: round(working),
          waiting: round(waits[stage] ?? 0),
          "ms a document": Math.round((working / documents) * 1_000),
        },
      ]),
    ),
  );
  console.log("by process, with its children:");
  console.table(processes);
}

/** Generated documents, or a folder's, through a whole stack. */
export async function ingestBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      documents: { type: "string", default: "500" },
      corpus: { type: "string" },
      parsers: { type: "string", default: "1" },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    if (values.corpus === undefined) await writeCorpus(folder, Number(values.documents));
    const figures = await ingest(await filesBelow(values.corpus ?? folder), { parsers: Number(values.parsers) });
    const { files, documents, pages, chunks, seconds, uploadSeconds } = figures;
    console.log(
      `${files} files, ${documents} documents, ${pages} pages, ${chunks} chunks in ${seconds} s (uploaded in ${uploadSeconds} s)`,
    );
    printStages(figures);
    console.log(JSON.stringify({ bench: "ingest", ...figures }));
    return isWhole(figures);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
