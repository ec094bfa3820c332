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

/** A whole run on a stack of its own: rates, CPU and memory by process, and where the time went by stage. */
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
  const stack = createStack({
    home: join(folder, "home"),
    env: process.env,
    workers: { parsers: Number(values.parsers) },
    log: () => {},
  });
  try {
    if (values.corpus === undefined) await writeCorpus(join(folder, "corpus"), Number(values.documents));
    const files = await filesBelow(values.corpus ?? join(folder, "corpus"));
    const { gatewayUrl, apiKey } = await stack.start();
    const call = caller(gatewayUrl, apiKey);
    const began = performance.now();
    const batch = await openBatch(call);
    const receipts = await send(call, batch, files);
    const uploadSeconds = (performance.now() - began) / 1_000;
    const { finished: documents, counts } = await complete(call, batch);
    const seconds = (performance.now() - began) / 1_000;

    const info = await stack.info();
    const pages = Object.values(await sumBy(info, "sluice_pages_parsed_total", "format")).reduce(
      (sum, each) => sum + each,
      0,
    );
    const chunks = (await sumBy(info, "sluice_chunks_total", "service")).chunker ?? 0;
    const [work, wait] = [
      await sumBy(info, "sluice_job_duration_seconds_sum", "stage"),
      await sumBy(info, "sluice_queue_wait_seconds_sum", "stage"),
    ];
    const processes = usage(info.pids);
    const { ledger } = await call("/v1/ledger", z.object({ ledger: Ledger }));

    console.log(
      `${files.length} files, ${documents} documents, ${pages} pages, ${chunks} chunks in ${round(seconds)} s (uploaded in ${round(uploadSeconds)} s)`,
    );
    console.table({
      documents: { "per second": round(documents / seconds) },
      pages: { "per second": round(pages / seconds) },
      chunks: { "per second": round(chunks / seconds) },
    });
    console.log("by stage, seconds summed over documents:");
    console.table(
      Object.fromEntries(
        Object.keys(work).map((stage) => [
          stage,
          {
            working: round(work[stage] ?? 0),
            waiting: round(wait[stage] ?? 0),
            "ms a document": Math.round(((work[stage] ?? 0) / documents) * 1_000),
          },
        ]),
      ),
    );
    console.log("by process, with its children:");
    console.table(processes);
    const restarts = Object.values(info.restarts).reduce((sum, each) => sum + each, 0);
    const refused = receipts.filter((receipt) => receipt.id === undefined).length;
    const good = ledger.imbalance === 0 && restarts === 0 && refused === 0;
    console.log(
      JSON.stringify({
        bench: "ingest",
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
        stages: work,
        processes,
        restarts,
        refused,
        imbalance: ledger.imbalance,
      }),
    );
    return good;
  } finally {
    await stack.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
