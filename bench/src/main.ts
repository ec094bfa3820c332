import { fairnessBench } from "./fairness.js";
import { formatsBench } from "./formats.js";
import { ingestBench } from "./ingest.js";
import { parseBench } from "./parse.js";
import { peerBench } from "./peer.js";
import { queueBench } from "./queue.js";
import { retrievalBench } from "./retrieval.js";
import { searchBench } from "./search.js";
import { shareBench } from "./share.js";

/** Each prints what it measured, ends with one line of JSON, and exits 1 when it fell short of a promise in the docs. */
const benches: Record<string, (args: string[]) => Promise<boolean>> = {
  ingest: ingestBench,
  fairness: fairnessBench,
  formats: formatsBench,
  parse: parseBench,
  peer: peerBench,
  queue: queueBench,
  retrieval: retrievalBench,
  search: searchBench,
  share: shareBench,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join("|")} [options]`);
  process.exit(2);
}
process.exit((await bench(args)) ? 0 : 1);
