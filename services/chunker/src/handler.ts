import type { HandlerResult } from "@sluice/queue";
import type { Metrics } from "@sluice/runtime";
import type { Chunk, SectionToChunk, Store, Task } from "@sluice/store";
import type { Cutting } from "./cutting.js";
import type { DocumentContext } from "./source.js";

// A part is one call to the database: small enough to be quick, large enough to be few.
const rowsPerPart = 250;
const sectionsPerRead = 200;
const charactersPerRead = 500_000;

/** Sections in, chunks out, part by part, in memory that does not grow with the document. */
export function createChunkHandler(deps: { work: Store["work"]; metrics: Metrics; worker: string; cutting: Cutting }) {
  const { work, cutting } = deps;
  return async (task: Task, signal: AbortSignal): Promise<HandlerResult> => {
    const began = performance.now();
    const pending: Chunk[] = [];
    let [parts, chunks, tokens] = [0, 0, 0];
    let sections: SectionToChunk[] | null = task.sections;
    const cutter = cutting.cutter(contextOf(task));
    const take = (made: Chunk[]) => {
      chunks += made.length;
      for (const chunk of made) tokens += chunk.tokenCount;
      pending.push(...made);
    };
    const put = async (): Promise<boolean> => {
      while (pending.length > rowsPerPart) {
        if ((await work.putChunks(task, parts, pending.splice(0, rowsPerPart))) === "stale") return false;
        parts += 1;
      }
      return true;
    };
    for (;;) {
      signal.throwIfAborted();
      if (sections === null) return { outcome: "stale" };
      for (const section of sections) {
        take(await cutter.add({ ...section, tables: section.tables ?? undefined, pages: section.pages ?? undefined }));
      }
      const next = (sections.at(-1)?.ordinal ?? -1) + 1;
      if (next >= task.sectionCount) break;
      if (!(await put())) return { outcome: "stale" };
      sections = await work.sectionsToChunk(task, next - 1, sectionsPerRead, charactersPerRead);
      if (sections?.length === 0) return { outcome: "incomplete" };
    }
    take(cutter.end());
    if (!(await put())) return { outcome: "stale" };
    // What is left goes with the seal: a document of one part takes one call.
    const last = pending.length === 0 ? undefined : pending;
    if (last !== undefined) parts += 1;
    const durationMs = performance.now() - began;
    const sealed = await work.sealChunks(task, deps.worker, {
      parts,
      chunks,
      tokens,
      chunkerVersion: cutting.version,
      durationMs,
      last,
    });
    if (sealed.outcome === "sealed") deps.metrics.chunks.inc(chunks);
    return sealed;
  };
}

function contextOf({ sections, mediaType }: Task): DocumentContext {
  const unknown = { format: null, title: null, type: null, identities: [], patientKeys: [] };
  return { ...(sections?.[0]?.document ?? unknown), mediaType };
}
