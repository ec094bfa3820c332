import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { access, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { freePort } from "@sluice/local";
import { z } from "zod";
import { filesBelow } from "./corpus.js";
import { ingest, isWhole, printStages } from "./ingest.js";

const run = promisify(execFile);
const promised = { embedded: 3, native: 1.7 };
const dimensions = 1_536;

/** What the peer's script prints of a run. */
const PeerFigures = z.object({
  docs: z.number(),
  pages: z.number(),
  chunks: z.number(),
  s: z.number(),
  docs_s: z.number(),
  pages_s: z.number(),
  chunks_s: z.number(),
  T: z.record(z.string(), z.number()),
  rssMB: z.number(),
  litePeakMB: z.number(),
  cpu: z.record(z.string(), z.number()),
});

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The peer's own embedding server: 80 ms a request, 0.05 ms an input. */
async function startProvider(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const child = fork(join(folder, "fake-embeddings.mjs"), {
    env: { PORT: String(port), DIMS: String(dimensions) },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  await once(child, "message");
  return { child, url: `http://127.0.0.1:${port}` };
}

const Stats = z.object({ requests: z.number(), inputs: z.number() });

async function requestsOf(url: string): Promise<z.infer<typeof Stats>> {
  return Stats.parse(await (await fetch(`${url}/__stats`)).json());
}

/** The part of the peer's corpus that its script takes: the first of its PDFs and notes, and some of its long PDFs. */
async function corpusFiles(corpus: string, fraction: number, big: number): Promise<string[]> {
  const [pdf, notes, long] = await Promise.all(
    ["pdf", "notes", "big"].map((folder) => filesBelow(join(corpus, folder))),
  );
  const share = (files: string[] = []) => files.slice(0, Math.round(files.length * fraction));
  return [...share(pdf), ...share(notes), ...(long ?? []).slice(0, big)];
}

/**
 * The whole product (uploads, Storage, statuses, ledger) beside a LangChain.js script that does none of that: the same files, the same
 * embedding server and the same kind of Supabase, in turns. `--peer` is the script's folder; with PGURL both use a native PostgreSQL.
 */
export async function peerBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      peer: { type: "string" },
      fraction: { type: "string", default: "1" },
      big: { type: "string", default: "3" },
      rounds: { type: "string", default: "1" },
      parsers: { type: "string", default: "1" },
    },
  });
  if (values.peer === undefined) throw new Error("--peer FOLDER: the script to measure against");
  const folder = await mkdtemp(join(tmpdir(), "sluice-peer-"));
  const native = process.env.PGURL;
  const corpus = join(folder, "corpus");
  try {
    const peer = join(folder, "peer");
    await cp(values.peer, peer, { recursive: true });
    if (
      !(await access(join(peer, "node_modules")).then(
        () => true,
        () => false,
      ))
    )
      await run("npm", ["install", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: peer });
    const env = { ...process.env, CORPUS: corpus };
    await run(process.execPath, ["gen-corpus.mjs", corpus], { cwd: peer, env });
    const files = await corpusFiles(corpus, Number(values.fraction), Number(values.big));

    const rounds = [];
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const script = ["ingest.mjs", "--fraction", values.fraction, "--big", values.big, "--dims", String(dimensions)];
      const { stdout } = await run(process.execPath, script, { cwd: peer, env, maxBuffer: 1 << 24 });
      const theirs = PeerFigures.parse(JSON.parse(stdout.split("\n").find((line) => line.startsWith("{")) ?? "null"));
      const provider = await startProvider(peer);
      try {
        const ours = await ingest(files, {
          parsers: Number(values.parsers),
          env: {
            EMBEDDING_PROVIDER: "openai",
            OPENAI_API_KEY: "none",
            OPENAI_BASE_URL: `${provider.url}/v1`,
            EMBEDDING_DIMENSIONS: String(dimensions),
            ...(native === undefined ? {} : { SLUICE_POSTGRES_URL: native }),
          },
        });
        rounds.push({ ours, theirs, provider: await requestsOf(provider.url) });
      } finally {
        provider.child.kill();
      }
    }

    const last = rounds.at(-1);
    if (last === undefined) return false;
    const { ours, theirs, provider } = last;
    const cpu = (seconds: number[]) => Number(seconds.reduce((sum, each) => sum + each, 0).toFixed(1));
    console.table({
      "the script": {
        documents: theirs.docs_s,
        pages: theirs.pages_s,
        chunks: theirs.chunks_s,
        seconds: theirs.s,
        "CPU seconds": cpu(Object.values(theirs.cpu)),
        "peak MB": theirs.rssMB,
      },
      "the product": {
        documents: ours.documentsPerSecond,
        pages: ours.pagesPerSecond,
        chunks: ours.chunksPerSecond,
        seconds: ours.seconds,
        "CPU seconds": cpu(Object.values(ours.processes).map(({ cpuSeconds }) => cpuSeconds)),
        "peak MB": Math.max(...Object.values(ours.processes).map(({ peakMb }) => peakMb)),
      },
    });
    console.log("the script, seconds by stage:", theirs.T, "· requests:", Math.ceil(theirs.chunks / 512));
    console.log("the product, requests:", provider.requests, "with", provider.inputs, "texts");
    printStages(ours);
    const ratio = Number(median(rounds.map((each) => each.ours.documentsPerSecond / each.theirs.docs_s)).toFixed(2));
    const promisedRatio = native === undefined ? promised.embedded : promised.native;
    console.log(JSON.stringify({ bench: "peer", ratio, promisedRatio, rounds }));
    return rounds.every((each) => isWhole(each.ours)) && ratio >= promisedRatio;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
