import type { ServiceTimes } from "./service-times.js";

/** What is to be taken in, and by when. */
export interface Task {
  documents: number;
  pagesPerDocument: number;
  /** The share of documents whose pages must be recognised. */
  scanned: number;
  deadlineSeconds: number;
  dimensions: number;
  /** Documents one process works on at once. */
  slots: Record<StageName, number>;
  /** What the provider of embeddings allows a minute; null where nothing limits it. */
  tokensPerMinute: number | null;
  usdPerMillionTokens: number;
}

export const stageNames = ["parser", "recogniser", "chunker", "embedder"] as const;
export type StageName = (typeof stageNames)[number];

export interface Plan {
  stages: Record<StageName, { documents: number; secondsPerDocument: number; workers: number }>;
  tokens: number;
  tokensPerMinute: number;
  requestsPerMinute: number;
  usd: number;
  chunks: number;
  redisMb: number;
  postgresGb: number;
  vectorIndexGb: number;
  /** Why no number of workers is enough; null where it is. */
  impossible: string | null;
}

/** How full workers are planned to be: the rest is for retries, restarts, and documents that are not like the mean. */
export const utilisation = 0.7;
/** Texts in a request, where documents share them. */
const inputsPerRequest = 64;
const jobBytes = 1_200;
/** Jobs beside which Redis holds next to nothing; what is beyond the windows waits in Postgres. */
const jobsInRedis = 10_000;
/** Sections, display text, pages, chunks with their full-text index: what a page leaves, in bytes. */
const pageBytes = 14_000;
const documentBytes = 6_000;
/** A vector with its row, and its place, in halves, in an HNSW index of sixteen neighbours. */
const vectorBytes = (dimensions: number) => 4 * dimensions + 120;
const indexBytes = (dimensions: number) => 2 * dimensions + 350;

export function estimate(task: Task, times: ServiceTimes): Plan {
  const { documents, pagesPerDocument, scanned, deadlineSeconds } = task;
  const pages = documents * pagesPerDocument;
  const demand: Record<StageName, { documents: number; secondsPerDocument: number }> = {
    // A scan is looked at by a parser first, which finds that there is no text.
    parser: { documents, secondsPerDocument: times.parsePerDocument + times.parsePerPage * pagesPerDocument },
    recogniser: {
      documents: documents * scanned,
      secondsPerDocument: times.parsePerDocument + times.recognisePerPage * pagesPerDocument,
    },
    chunker: { documents, secondsPerDocument: times.chunkPerDocument },
    embedder: { documents, secondsPerDocument: times.embedPerDocument },
  };
  const workers = (name: StageName) => {
    const { documents: count, secondsPerDocument } = demand[name];
    return Math.ceil((count * secondsPerDocument) / (deadlineSeconds * task.slots[name] * utilisation));
  };
  const chunks = Math.round(pages * times.chunksPerPage);
  const tokens = chunks * times.tokensPerChunk;
  const tokensPerMinute = (tokens / deadlineSeconds) * 60;
  const isTooMuch = task.tokensPerMinute !== null && tokensPerMinute > task.tokensPerMinute;
  const needed = isTooMuch ? tokens / (task.tokensPerMinute as number) / 1_440 : 0;
  return {
    stages: Object.fromEntries(
      stageNames.map((name) => [name, { ...demand[name], workers: workers(name) }]),
    ) as Plan["stages"],
    tokens,
    tokensPerMinute,
    requestsPerMinute: (chunks / inputsPerRequest / deadlineSeconds) * 60,
    usd: (tokens / 1e6) * task.usdPerMillionTokens,
    chunks,
    redisMb: Math.ceil(20 + (jobsInRedis * jobBytes) / 1e6),
    postgresGb: (documents * documentBytes + pages * pageBytes + chunks * vectorBytes(task.dimensions)) / 1e9,
    vectorIndexGb: (chunks * indexBytes(task.dimensions)) / 1e9,
    impossible: isTooMuch
      ? `The provider's limit alone makes it ${needed.toFixed(1)} days: more embedders would not help.`
      : null,
  };
}
