import {
  type Breaker,
  Code,
  type ParsedRows,
  type ParseSummary,
  QueuedJob,
  type QueueName,
  RecognisedPage,
  Section,
} from "@sluice/contracts";
import { z } from "zod";
import type { Rpc } from "./rpc.js";

/** What names a piece of work: every write compares the generation. */
export interface Held {
  organizationId: string;
  ingestionId: string;
  generation: number;
}

const ChunkToEmbed = z.object({
  id: z.uuid(),
  ordinal: z.number().int(),
  text: z.string(),
  prefix: z.string(),
  tokenCount: z.number().int(),
});
export type ChunkToEmbed = z.infer<typeof ChunkToEmbed>;

const range = z.tuple([z.number().int(), z.number().int()]);
/** What the chunker has to know of a document beside its sections. */
const ChunkContext = z.object({
  format: z.string().nullable(),
  title: z.string().nullable(),
  type: Code.nullable(),
  /** Names and numbers of those it is about: no prefix may hold them. */
  identities: z.array(z.string()),
  /** `authority|identifier` of the one patient it is about; none when it is about nobody or several. */
  patientKeys: z.array(z.string()),
});

/** A section as the chunker gets it; what an older database does not give is missing. */
const SectionToChunk = Section.extend({
  /** Tables that begin in it; each row's [start, end) over the display text. */
  tables: z
    .array(z.object({ title: z.string().nullable(), headerRows: z.number().int(), rows: z.array(range) }))
    .nullish(),
  /** Its pages [number, start, end) over the display text, when there are several. */
  pages: z.array(z.tuple([z.number().int(), z.number().int(), z.number().int()])).nullish(),
  /** With a document's first section. */
  document: ChunkContext.nullish(),
});
export type SectionToChunk = z.infer<typeof SectionToChunk>;

const Started = z.object({
  outcome: z.literal("started"),
  organizationId: z.uuid(),
  ingestionId: z.uuid(),
  documentId: z.uuid(),
  generation: z.number().int(),
  revision: z.number().int(),
  /** 1 for the first try of this stage. */
  attempt: z.number().int(),
  objectPath: z.string(),
  contentHash: z.string(),
  byteLength: z.number(),
  declaredType: z.string().nullable(),
  mediaType: z.string().nullable(),
  /** How many documents this one lies in. */
  depth: z.number().int(),
  acceptedAt: z.string(),
  /** Whether somebody waits for it, and how soon it is to be searchable then; an older database says neither. */
  workload: z.enum(["interactive", "backfill"]).default("backfill"),
  searchableWithinSeconds: z.number().nullish(),
  queuedMs: z.number(),
  activeModel: z.string().nullable(),
  sectionCount: z.number().int(),
  chunkCount: z.number().int(),
  /** The first sections, for the chunker; more are to be read when they are fewer than `sectionCount`. */
  sections: z.array(SectionToChunk).nullable(),
  /** The first chunks without a vector, for the embedder; more may follow when there are a hundred. */
  chunks: z.array(ChunkToEmbed).nullable(),
});
export type Task = z.infer<typeof Started>;
const Begun = z.array(
  z.union([
    Started,
    z.object({ outcome: z.literal("busy"), retryAfterMs: z.number() }),
    z.object({ outcome: z.enum(["stale", "gone", "paused", "cancelled", "dead", "suspect"]) }),
  ]),
);
export type Begun = z.infer<typeof Begun>[number];

const Sealed = z.union([
  z.object({ outcome: z.literal("sealed"), job: QueuedJob.optional(), sinceAcceptedMs: z.number().optional() }),
  z.object({ outcome: z.enum(["stale", "incomplete", "model_inactive"]) }),
]);
export type Sealed = z.infer<typeof Sealed>;
const ParseSealed = z.union([
  Sealed,
  z.object({ outcome: z.literal("limit_members") }),
  z.object({ outcome: z.literal("limit_expanded_size") }),
]);
const Put = z.enum(["stored", "stale"]);

/** A child, its bytes stored, on its way to being accepted with its parent's parse. */
export interface StoredChild {
  path: string;
  objectPath: string;
  contentHash: string;
  byteLength: number;
  declaredType: string | null;
  mediaType: string | null;
  fileName: string | null;
}

export const Chunk = z.strictObject({
  ordinal: z.number().int().nonnegative(),
  sectionOrdinal: z.number().int().nonnegative(),
  text: z.string(),
  prefix: z.string(),
  tokenCount: z.number().int(),
  pageFrom: z.number().int().nullable(),
  pageTo: z.number().int().nullable(),
  /** [start, end) in UTF-16 units over the display text; joined, they make `text`. */
  spans: z.array(z.tuple([z.number().int(), z.number().int()])),
  contentHash: z.string(),
  /** The last of several short sections that were joined; `sectionOrdinal` where it is of one. */
  sectionTo: z.number().int().nonnegative(),
  strategy: z.string(),
  /** Of the section, or of the heading within it. */
  code: Code.nullable(),
  /** A heading within the section that it stands under, and its offset in the display text. */
  heading: z.object({ title: z.string(), start: z.number().int() }).nullable(),
  /** A sketch of the text, by which nearly equal ones of the same patient are found. */
  bands: z.array(z.number().int()).nullable(),
});
export type Chunk = z.infer<typeof Chunk>;

const held = (work: Held) => ({
  p_organization: work.organizationId,
  p_ingestion: work.ingestionId,
  p_generation: work.generation,
});
const asItem = ({ organizationId, ingestionId, generation }: Held) => ({ organizationId, ingestionId, generation });

/** A vector and the chunk it is of. */
export interface ChunkVector extends Held {
  chunkId: string;
  vector: readonly number[] | Float32Array;
}
const vectorRow = (row: ChunkVector) => ({ ...asItem(row), chunkId: row.chunkId, vector: vectorText(row.vector) });

/** What the stages' workers do. Every call names the generation; one of an older generation changes nothing and is told so. */
export function createWork(rpc: Rpc) {
  return {
    async begin(
      queue: QueueName,
      jobs: Held[],
      worker: string,
      options: { leaseMs: number; maxDeaths: number; alone?: boolean; version?: string; model?: string },
    ): Promise<Begun[]> {
      return rpc.call(
        "sluice_begin_stage",
        {
          p_items: jobs.map(asItem),
          p_queue: queue,
          p_worker: worker,
          p_lease_ms: options.leaseMs,
          p_max_deaths: options.maxDeaths,
          p_model: options.model ?? null,
          p_alone: options.alone ?? null,
          p_version: options.version ?? null,
        },
        Begun,
      );
    },
    /** The ids of the ingestions that are still this worker's. */
    renew(jobs: Held[], worker: string, leaseMs: number): Promise<string[]> {
      return rpc.call(
        "sluice_renew_leases",
        { p_items: jobs.map(asItem), p_worker: worker, p_lease_ms: leaseMs },
        z.array(z.uuid()),
      );
    },
    fail(
      work: Held,
      worker: string,
      failure: { code: string; maxAttempts: number; delayMs: number; durationMs: number },
    ) {
      return rpc.call(
        "sluice_fail_stage",
        {
          ...held(work),
          p_worker: worker,
          p_code: failure.code,
          p_max_attempts: failure.maxAttempts,
          p_delay_ms: failure.delayMs,
          p_duration_ms: Math.round(failure.durationMs),
        },
        z.enum(["dead", "retrying", "stale"]),
      );
    },
    /** Gives work back without blame. `waiting`: the code of somebody else's outage, and the breaker it trips; none when the worker is stopping. */
    handBack(
      jobs: Held[],
      worker: string,
      delayMs: number,
      waiting?: { code: string; breaker?: Breaker },
    ): Promise<number> {
      return rpc.call(
        "sluice_hand_back",
        {
          p_items: jobs.map(asItem),
          p_worker: worker,
          p_delay_ms: Math.round(delayMs),
          p_code: waiting?.code ?? null,
          p_cause: waiting?.breaker?.cause ?? null,
          p_everybody: waiting?.breaker?.isOwn !== true,
          p_at_once: waiting?.breaker?.isPlain === true,
        },
        z.number(),
      );
    },
    putParsed(work: Held, part: number, rows: ParsedRows) {
      return rpc.call("sluice_put_parsed", { ...held(work), p_part: part, p_rows: rows as never }, Put);
    },
    /** The stage goes on in another queue, with nothing held against the document. */
    handOver(work: Held, worker: string, queue: QueueName, durationMs: number) {
      return rpc.call(
        "sluice_hand_over",
        { ...held(work), p_worker: worker, p_queue: queue, p_duration_ms: Math.round(durationMs) },
        z.object({ outcome: z.enum(["moved", "stale"]) }),
      );
    },
    /** Keeps a page that `engine` recognised until the parse is sealed, whatever becomes of this generation. */
    putRecognised(work: Held, engine: string, page: number, result: RecognisedPage) {
      return rpc.call(
        "sluice_put_recognised",
        { ...held(work), p_engine: engine, p_page: page, p_result: result as never },
        Put,
      );
    },
    /** What `engine` recognised of a page before; null for nothing. */
    recognised(work: Held, engine: string, page: number): Promise<RecognisedPage | null> {
      return rpc.call(
        "sluice_recognised",
        { ...held(work), p_engine: engine, p_page: page },
        RecognisedPage.nullable(),
      );
    },
    /** What was found so far, at any depth, in the document that somebody sent and this one lies in; null when the work is no longer this worker's. */
    descendants(work: Held): Promise<{ documents: number; bytes: number } | null> {
      return rpc.call(
        "sluice_descendants",
        held(work),
        z.object({ documents: z.number(), bytes: z.number() }).nullable(),
      );
    },
    /** Refuses with `limit_members` or `limit_expanded_size` what would pass the limits with its children. */
    sealParse(
      work: Held,
      worker: string,
      seal: {
        parts: number;
        summary: ParseSummary & { parserVersion: string };
        children: StoredChild[];
        /** Of all that lies in the document that somebody sent. */
        limits?: { descendants: number; descendantBytes: number };
        durationMs: number;
        /** The last part, number `parts - 1`, when it was not put before: a document of one part takes one call. */
        last?: ParsedRows;
      },
    ): Promise<z.infer<typeof ParseSealed>> {
      return rpc.call(
        "sluice_seal_parse",
        {
          ...held(work),
          p_worker: worker,
          p_parts: seal.parts,
          p_summary: { ...seal.summary, children: seal.children, limits: seal.limits } as never,
          p_duration_ms: Math.round(seal.durationMs),
          p_last: (seal.last ?? null) as never,
        },
        ParseSealed,
      );
    },
    /** Sections after an ordinal, about `length` characters of them; null when the work is no longer this worker's. */
    sectionsToChunk(work: Held, after: number, limit: number, length: number): Promise<SectionToChunk[] | null> {
      return rpc.call(
        "sluice_sections_to_chunk",
        { ...held(work), p_after: after, p_limit: limit, p_length: length },
        z.array(SectionToChunk).nullable(),
      );
    },
    putChunks(work: Held, part: number, chunks: Chunk[]) {
      return rpc.call("sluice_put_chunks", { ...held(work), p_part: part, p_chunks: chunks as never }, Put);
    },
    sealChunks(
      work: Held,
      worker: string,
      seal: {
        parts: number;
        chunks: number;
        tokens: number;
        chunkerVersion: string;
        durationMs: number;
        /** The last part, as for the parse. */
        last?: Chunk[];
      },
    ): Promise<Sealed> {
      const { parts, durationMs, last, ...summary } = seal;
      return rpc.call(
        "sluice_seal_chunks",
        {
          ...held(work),
          p_worker: worker,
          p_parts: parts,
          p_summary: summary,
          p_duration_ms: Math.round(durationMs),
          p_last: (last ?? null) as never,
        },
        Sealed,
      );
    },
    async registerModel(model: {
      id: string;
      provider: string;
      name: string;
      dimensions: number;
      lexical: boolean;
      /** US dollars for a million tokens, where that is configured. */
      price?: number;
    }): Promise<void> {
      await rpc.call(
        "sluice_register_model",
        {
          p_id: model.id,
          p_provider: model.provider,
          p_name: model.name,
          p_dimensions: model.dimensions,
          p_lexical: model.lexical,
          p_usd_per_million: model.price ?? null,
        },
        z.unknown(),
      );
    },
    /** Chunks after an ordinal that have no vector of the model yet; null when the work is no longer this worker's. */
    chunksToEmbed(work: Held, model: string, after: number, limit: number): Promise<ChunkToEmbed[] | null> {
      return rpc.call(
        "sluice_chunks_to_embed",
        { ...held(work), p_model: model, p_after: after, p_limit: limit },
        z.array(ChunkToEmbed).nullable(),
      );
    },
    /** Vectors of chunks of any documents in hand. Answers how many rows were new. */
    putEmbeddings(model: string, rows: ChunkVector[]): Promise<number> {
      return rpc.call("sluice_put_embeddings", { p_model: model, p_items: rows.map(vectorRow) }, z.number());
    },
    /** `last`: the last vectors, when they were not put before. */
    sealEmbed(work: Held, worker: string, model: string, durationMs: number, last?: ChunkVector[]): Promise<Sealed> {
      return rpc.call(
        "sluice_seal_embed",
        {
          ...held(work),
          p_worker: worker,
          p_model: model,
          p_duration_ms: Math.round(durationMs),
          p_last: last === undefined || last.length === 0 ? null : last.map(vectorRow),
        },
        Sealed,
      );
    },
  };
}

/**
 * A vector as pgvector text in whole millionths: PGlite reads whole numbers ten times faster than fractions, and the database
 * normalises what it is given. The rounding moves a unit vector by less than 1e-6 a component.
 */
export function vectorText(vector: readonly number[] | Float32Array): string {
  let text = "[";
  for (let i = 0; i < vector.length; i++) text += `${i === 0 ? "" : ","}${Math.round((vector[i] ?? 0) * 1e6)}`;
  return `${text}]`;
}
