import { parseMetrics } from "../metrics.js";

/** How long one worker's slot takes, in seconds, and what comes out of a page. */
export interface ServiceTimes {
  /** A document without its pages: fetching, writing, sealing. */
  parsePerDocument: number;
  parsePerPage: number;
  recognisePerPage: number;
  chunkPerDocument: number;
  embedPerDocument: number;
  chunksPerPage: number;
  tokensPerChunk: number;
}

/**
 * What is shipped: estimates on the safe side, by what documents of two pages and recognised pages (0.9 to 1.5 s) cost on two small cores with the
 * embedded database. What is measured on an installation is to be preferred.
 */
export const shippedTimes: ServiceTimes = {
  parsePerDocument: 0.08,
  parsePerPage: 0.02,
  recognisePerPage: 1.5,
  chunkPerDocument: 0.06,
  embedPerDocument: 0.25,
  chunksPerPage: 2.5,
  tokensPerChunk: 220,
};

/** Fewer jobs than this of a stage say nothing of it. */
export const leastJobs = 50;

/**
 * The times of an installation from what its services show at `/metrics`, and which of them were measured: those of stages that did enough
 * jobs since they were started. The others are as shipped.
 */
export function measuredTimes(texts: string[]): { times: ServiceTimes; measured: (keyof ServiceTimes)[] } {
  const all = texts.flatMap(parseMetrics);
  const sum = (name: string, queue?: string) =>
    all
      .filter((each) => each.name === name && (queue === undefined || each.labels.queue === queue))
      .reduce((total, { value }) => total + value, 0);
  const jobs = (queue: string) => sum("sluice_job_duration_seconds_count", queue);
  const mean = (queue: string) => sum("sluice_job_duration_seconds_sum", queue) / jobs(queue);
  const pages = sum("sluice_pages_parsed_total");
  const found: Partial<ServiceTimes> = {};
  if (jobs("parse") >= leastJobs && pages > 0) {
    // What a page adds is known from formats, not from sums: the rest is the document's.
    const pagesPerDocument = pages / jobs("parse");
    found.parsePerPage = Math.min(shippedTimes.parsePerPage, mean("parse") / pagesPerDocument);
    found.parsePerDocument = Math.max(0, mean("parse") - found.parsePerPage * pagesPerDocument);
  }
  if (jobs("chunk") >= leastJobs) found.chunkPerDocument = mean("chunk");
  if (jobs("embed") >= leastJobs) found.embedPerDocument = mean("embed");
  return { times: { ...shippedTimes, ...found }, measured: Object.keys(found) as (keyof ServiceTimes)[] };
}
