import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type FoundChild,
  heartbeatOrganization,
  noRows,
  type ParsedRows,
  rowKinds,
  SluiceError,
} from "@sluice/contracts";
import type { HandlerResult } from "@sluice/queue";
import { errorFields, type Logger, type Metrics } from "@sluice/runtime";
import type { Store, StoredChild, Task } from "@sluice/store";
import type { FileToParse } from "./formats/parse-file.js";
import type { ParserPool } from "./isolation/parser-pool.js";
import { isProvided, type LlamaParse, NotProvided } from "./provider/llamaparse.js";
import type { Scratch } from "./scratch.js";
import { fetchOriginal, storeChild } from "./transfer.js";
import { parserVersion } from "./version.js";
import { weightOf } from "./writing/weight.js";

// A part is one call to the database: small enough to be quick, large enough to be few.
const rowsPerPart = 400;
const weightPerPart = 393_216;

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
  /** What may lie in one sent document at any depth, whoever finds it. */
  maxDescendants: number;
  maxDescendantBytes: number;
  /** Looks at an original before anything opens it, where a scanner is configured. */
  scan?: (file: string, signal: AbortSignal) => Promise<void>;
  /** Reads documents that are laid out on pages, where one is configured; what it declines is read here. */
  provider?: LlamaParse;
}

function rowsIn(rows: ParsedRows): number {
  return rowKinds.reduce((sum, kind) => sum + rows[kind].length, 0);
}

function append(rows: ParsedRows, more: ParsedRows): void {
  for (const kind of rowKinds) (rows[kind] as unknown[]).push(...more[kind]);
}

/** An original in, rows and children out: part by part as they come, then sealed. Or on to the queue where pages are recognised. */
export function createParseHandler(deps: Deps) {
  const { work, objects } = deps.store;

  async function forget(children: StoredChild[]): Promise<void> {
    await objects
      .remove(children.map((child) => child.objectPath))
      .catch((error) => deps.logger.warn("parse.children_left", { count: children.length, ...errorFields(error) }));
  }

  /** What the pool is to read: the original, or what the provider made of it. */
  async function prepare(task: Task, folder: string, file: string, signal: AbortSignal): Promise<FileToParse> {
    const { declaredType, mediaType } = task;
    if (deps.provider === undefined || mediaType === null || !isProvided(mediaType)) return { file, declaredType };
    try {
      const pages = await deps.provider.pages(file, mediaType, signal);
      const provided = join(folder, "pages");
      await writeFile(provided, JSON.stringify(pages), { mode: 0o600 });
      return { file: provided, declaredType, provided: mediaType };
    } catch (error) {
      if (!(error instanceof NotProvided)) throw error;
      deps.logger.warn("parse.not_provided", { ingestionId: task.ingestionId, code: error.message });
      return { file, declaredType, warnings: ["provider_declined"] };
    }
  }

  async function read(task: Task, folder: string, signal: AbortSignal): Promise<HandlerResult> {
    const began = performance.now();
    const file = join(folder, "original");
    const children: StoredChild[] = [];
    /** What the whole tree has without this document's children; asked for with the first of them. */
    let tree: { documents: number; bytes: number } | null = null;
    let parts = 0;
    let pending = noRows();
    // One batch is held back: what is left at the end goes with the seal, so that a document of one part takes one call.
    const put = async (batch: ParsedRows) => {
      const held = rowsIn(pending);
      const isFull = held + rowsIn(batch) > rowsPerPart || weightOf(pending) + weightOf(batch) > weightPerPart;
      if (held > 0 && isFull) {
        if ((await work.putParsed(task, parts, pending)) === "stale") throw new Stale();
        parts += 1;
        pending = noRows();
      }
      append(pending, batch);
    };
    let turn = Promise.resolve();
    const rows = (batch: ParsedRows) => {
      turn = turn.then(() => put(batch));
      return turn;
    };
    const child = async (found: FoundChild) => {
      if (task.depth >= deps.maxChildDepth) throw new SluiceError("limit_nesting");
      tree ??= await work.descendants(task);
      if (tree === null) throw new Stale();
      // The seal is what holds; this spares storing what it would refuse.
      if (tree.documents + children.length >= deps.maxDescendants) throw new SluiceError("limit_members");
      const stored = await storeChild(objects, task.organizationId, found, signal);
      children.push(stored);
      tree.bytes += stored.byteLength;
      if (tree.bytes > deps.maxDescendantBytes) throw new SluiceError("limit_expanded_size");
    };
    let sealing = false;
    try {
      await fetchOriginal(objects, task, file, signal);
      await deps.scan?.(file, signal);
      const job = await prepare(task, folder, file, signal);
      const end = await deps.pool.parse(
        { ...job, scratchDir: folder },
        {
          rows,
          child,
          recognised: ({ engine, page }) => work.recognised(task, engine, page),
          keepRecognised: async ({ engine, page, result }) => {
            deps.logger.debug("parse.page_recognised", { ingestionId: task.ingestionId, outcome: result.kind });
            if ((await work.putRecognised(task, engine, page, result)) === "stale") throw new Stale();
          },
        },
        signal,
      );
      signal.throwIfAborted();
      const durationMs = performance.now() - began;
      if (end.outcome === "needs_recognition") {
        await forget(children);
        return await work.handOver(task, deps.worker, "ocr", durationMs);
      }
      const { summary } = end;
      sealing = true;
      const last = rowsIn(pending) === 0 ? undefined : pending;
      const sealed = await work.sealParse(task, deps.worker, {
        parts: last === undefined ? parts : parts + 1,
        last,
        summary: { ...summary, parserVersion: job.provided && deps.provider ? deps.provider.name : parserVersion },
        children,
        limits: { descendants: deps.maxDescendants, descendantBytes: deps.maxDescendantBytes },
        durationMs,
      });
      if (sealed.outcome === "limit_members" || sealed.outcome === "limit_expanded_size") {
        await forget(children);
        throw new SluiceError(sealed.outcome);
      }
      if (sealed.outcome === "sealed" && task.organizationId !== heartbeatOrganization)
        deps.metrics.pagesParsed.inc({ format: summary.format }, Math.max(1, summary.counts.pages));
      if (sealed.outcome !== "sealed") await forget(children);
      return sealed;
    } catch (error) {
      if (error instanceof SluiceError && error.code === "document_corrupt")
        deps.logger.debug("parse.refused", { ingestionId: task.ingestionId, ...errorFields(error) });
      // Once the seal was asked for it may have happened, whatever the answer: then the children are documents. The sweeper knows.
      if (!sealing) await forget(children);
      if (error instanceof Stale) return { outcome: "stale" };
      throw error;
    }
  }

  return (task: Task, signal: AbortSignal): Promise<HandlerResult> =>
    deps.scratch.use(`${task.ingestionId}-${task.generation}`, (folder) => read(task, folder, signal));
}
