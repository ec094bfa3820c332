import type { HandlerResult } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { Chunk, Store, Task } from "@sluice/store";
import { chunkerVersion, type SectionSplitter } from "./split.js";

// A part is one call to the database: small enough to be quick, large enough to be few.
const rowsPerPart = 250;
const sectionsPerRead = 200;
const charactersPerRead = 500_000;

/** Sections in, chunks out, part by part, in memory that does not grow with the document. */
export function createChunkHandler(deps: {
  work: Store["work"];
  metrics: Metrics;
  worker: string;
  split: SectionSplitter;
}) {
  const { work } = deps;
  return async (task: Task, signal: AbortSignal): Promise<HandlerResult> => {
    const began = performance.now();
    const pending: Chunk[] = [];
    let [after, parts, chunks, tokens] = [-1, 0, 0, 0];
    const flush = async (least: number): Promise<boolean> => {
      while (pending.length > 0 && pending.length >= least) {
        signal.throwIfAborted();
        if ((await work.putChunks(task, parts, pending.splice(0, rowsPerPart))) === "stale") return false;
        parts += 1;
      }
      return true;
    };
    for (;;) {
      signal.throwIfAborted();
      const sections = await work.sectionsToChunk(task, after, sectionsPerRead, charactersPerRead);
      if (sections === null) return { outcome: "stale" };
      if (sections.length === 0) break;
      for (const section of sections) {
        const made = await deps.split(section, chunks);
        chunks += made.length;
        tokens += made.reduce((sum, chunk) => sum + chunk.tokenCount, 0);
        pending.push(...made);
        after = section.ordinal;
      }
      if (!(await flush(rowsPerPart))) return { outcome: "stale" };
    }
    if (!(await flush(1))) return { outcome: "stale" };
    const durationMs = performance.now() - began;
    const sealed = await work.sealChunks(task, deps.worker, { parts, chunks, tokens, chunkerVersion, durationMs });
    if (sealed.outcome === "sealed") deps.metrics.chunks.inc(chunks);
    return sealed;
  };
}
