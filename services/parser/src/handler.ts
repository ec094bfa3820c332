import { join } from "node:path";
import { type FoundChild, type Page, type Section, SluiceError } from "@sluice/contracts";
import type { HandlerResult } from "@sluice/queue";
import { errorFields, type Logger, type Metrics } from "@sluice/runtime";
import type { Store, StoredChild, Task } from "@sluice/store";
import { parserVersion } from "./formats/registry.js";
import type { ParserPool } from "./isolation/parser-pool.js";
import type { Scratch } from "./scratch.js";
import { fetchOriginal, storeChild } from "./transfer.js";

// A part is one call to the database: small enough to be quick, large enough to be few.
const rowsPerPart = 400;
const lengthPerPart = 262_144;

/** Thrown to leave the parser when the database says that this generation is over. */
class Stale extends Error {}

interface Deps {
  store: Pick<Store, "work" | "objects">;
  pool: ParserPool;
  scratch: Scratch;
  metrics: Metrics;
  logger: Logger;
  worker: string;
  maxChildDepth: number;
}

/** An original in, sections, pages and children out: part by part as they come, then sealed. */
export function createParseHandler(deps: Deps) {
  const { work, objects } = deps.store;

  async function forget(children: StoredChild[]): Promise<void> {
    await objects
      .remove(children.map((child) => child.objectPath))
      .catch((error) => deps.logger.warn("parse.children_left", { count: children.length, ...errorFields(error) }));
  }

  async function read(task: Task, folder: string, signal: AbortSignal): Promise<HandlerResult> {
    const began = performance.now();
    const file = join(folder, "original");
    const children: StoredChild[] = [];
    let parts = 0;
    let pending: { sections: Section[]; pages: Page[] } = { sections: [], pages: [] };
    // One batch is held back: what is left at the end goes with the seal, so that a document of one part takes one call.
    const put = async (sections: Section[], pages: Page[]) => {
      const held = pending.sections.length + pending.pages.length;
      const rows = held + sections.length + pages.length;
      const length = [...pending.sections, ...sections].reduce((sum, section) => sum + section.text.length, 0);
      if (held > 0 && (rows > rowsPerPart || length > lengthPerPart)) {
        if ((await work.putParsed(task, parts, pending)) === "stale") throw new Stale();
        parts += 1;
        pending = { sections: [], pages: [] };
      }
      pending.sections.push(...sections);
      pending.pages.push(...pages);
    };
    const child = async (found: FoundChild) => {
      if (task.depth >= deps.maxChildDepth) throw new SluiceError("limit_nesting");
      children.push(await storeChild(objects, task.organizationId, found));
    };
    let sealing = false;
    try {
      await fetchOriginal(objects, task, file, signal);
      const summary = await deps.pool.parse(
        { file, scratchDir: folder, declaredType: task.declaredType },
        { sections: (batch) => put(batch, []), pages: (batch) => put([], batch), child },
        signal,
      );
      signal.throwIfAborted();
      sealing = true;
      const durationMs = performance.now() - began;
      const last = pending.sections.length + pending.pages.length === 0 ? undefined : pending;
      const sealed = await work.sealParse(task, deps.worker, {
        parts: last === undefined ? parts : parts + 1,
        last,
        summary: { ...summary, parserVersion },
        children,
        durationMs,
      });
      if (sealed.outcome === "sealed")
        deps.metrics.pagesParsed.inc({ format: summary.format }, Math.max(1, summary.pages));
      else await forget(children);
      return sealed;
    } catch (error) {
      // Once the seal was asked for it may have happened, whatever the answer: then the children are documents. The sweeper knows.
      if (!sealing) await forget(children);
      if (error instanceof Stale) return { outcome: "stale" };
      throw error;
    }
  }

  return (task: Task, signal: AbortSignal): Promise<HandlerResult> =>
    deps.scratch.use(`${task.ingestionId}-${task.generation}`, (folder) => read(task, folder, signal));
}
