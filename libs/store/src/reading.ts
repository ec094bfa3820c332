import {
  Batch,
  type BatchAction,
  type Document,
  DocumentChunk,
  DocumentEvent,
  type DocumentFilter,
  DocumentSection,
  Fact,
  Page,
  Review,
  SearchHit,
  type SearchRequest,
  Table,
} from "@sluice/contracts";
import { z } from "zod";
import { before, DocumentRow, listOf, ok, refused, type TimeCursor, toDocument } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import { type Rpc, refuse } from "./rpc.js";
import type { EventCursor } from "./supervision.js";

const derivedOf = <T extends z.ZodType>(item: T) =>
  z.union([
    z.object({
      outcome: z.literal("ok"),
      revision: z.number(),
      current: z.boolean(),
      length: z.number(),
      items: z.array(item),
    }),
    z.object({ outcome: z.literal("not_ready") }),
    refused,
  ]);
const derivedItems = { sections: DocumentSection, pages: Page, tables: Table, facts: Fact, chunks: DocumentChunk };
export type DerivedKind = keyof typeof derivedItems;
type DerivedItem<K extends DerivedKind> = z.infer<(typeof derivedItems)[K]>;
type Derived<T> =
  | { outcome: "ok"; revision: number; current: boolean; length: number; items: T[] }
  | { outcome: "not_ready" };

const BatchRow = Batch.omit({ ratePerMinute: true, secondsLeft: true }).extend({
  finishedLastMinute: z.number(),
  ageSeconds: z.number(),
});
function toBatch({ finishedLastMinute, ageSeconds, ...row }: z.infer<typeof BatchRow>): Batch {
  // A batch younger than a minute has had less than one to finish them in; in its first seconds nothing can be said.
  const perSecond = finishedLastMinute / Math.min(60, Math.max(ageSeconds, 1));
  const known = perSecond > 0 && ageSeconds > 5;
  const secondsLeft = row.inFlight === 0 ? 0 : known ? Math.ceil(row.inFlight / perSecond) : null;
  return { ...row, ratePerMinute: Math.round(perSecond * 60), secondsLeft };
}
const BatchAnswer = z.union([
  z.object({ outcome: z.literal("ok"), batch: BatchRow, more: z.boolean().optional(), count: z.number().optional() }),
  z.object({ outcome: z.literal("batch_closed") }),
  refused,
]);

const EventRow = DocumentEvent.extend({ xid: z.string() });
const Original = z.union([
  z.object({
    outcome: z.literal("ok"),
    objectPath: z.string(),
    mediaType: z.string().nullable(),
    fileName: z.string().nullable(),
    byteLength: z.number(),
  }),
  refused,
]);
/** A passage with what it was found by: `marked` are the words in it that the query names. */
const FoundHit = SearchHit.omit({ highlights: true, snippet: true, explanation: true }).extend({
  marked: z.array(z.string()),
  lists: z.record(z.string(), z.object({ rank: z.number(), score: z.number(), weight: z.number(), adds: z.number() })),
});
export type FoundHit = z.infer<typeof FoundHit>;
const Found = z.union([
  z.object({
    outcome: z.literal("ok"),
    hits: z.array(FoundHit),
    more: z.boolean(),
    undated: z.number().nullable(),
    scan: z.enum(["exact", "index", "completed"]).nullable(),
    model: z.string().nullable(),
    lexical: z.boolean().nullable(),
  }),
  z.object({ outcome: z.literal("model_inactive"), activeModel: z.string() }),
  refused,
]);

/** The one way to read: every call checks the caller and writes the audit entry in its transaction. */
export function createReading(rpc: Rpc) {
  return {
    async document(scope: Scope, documentId: string): Promise<Document> {
      const answer = z.union([z.object({ outcome: z.literal("ok"), document: DocumentRow }), refused]);
      return toDocument(
        ok(await rpc.call("sluice_get_document", { ...scoped(scope), p_document: documentId }, answer)).document,
      );
    },
    /** Newest first. */
    async documents(
      scope: Scope,
      filter: DocumentFilter,
      cursor: TimeCursor | null,
      limit: number,
    ): Promise<{ items: Document[]; next: TimeCursor | null }> {
      const { items } = ok(
        await rpc.call(
          "sluice_query_documents",
          { ...scoped(scope), p_filter: filter as never, ...before(cursor), p_limit: limit },
          listOf(DocumentRow),
        ),
      );
      const last = items.at(-1);
      const next = items.length < limit || last?.createdAt === undefined ? null : { at: last.createdAt, id: last.id };
      return { items: items.map(toDocument), next };
    },
    /** One page of a revision's sections, pages or chunks, after an ordinal (page number); `not_ready` when no revision is sealed yet. */
    async derived<K extends DerivedKind>(
      scope: Scope,
      documentId: string,
      kind: K,
      options: { revision?: number; after: number; limit: number },
    ): Promise<Derived<DerivedItem<K>>> {
      const answer = await rpc.call(
        "sluice_read_content",
        {
          ...scoped(scope),
          p_document: documentId,
          p_what: kind,
          p_revision: options.revision ?? null,
          p_after: options.after,
          p_limit: options.limit,
        },
        derivedOf(derivedItems[kind] as unknown as z.ZodType<DerivedItem<K>>),
      );
      return refuse(answer) as Derived<DerivedItem<K>>;
    },
    /** Oldest first, after a place; null begins at the beginning. Nothing appears later before a place that was answered. */
    async events(scope: Scope, documentId: string, after: EventCursor | null, limit: number) {
      return ok(
        await rpc.call(
          "sluice_document_events",
          {
            ...scoped(scope),
            p_document: documentId,
            p_after_xid: after?.xid ?? null,
            p_after_id: after?.id ?? null,
            p_limit: limit,
          },
          listOf(EventRow),
        ),
      ).items;
    },
    async original(scope: Scope, documentId: string, revision?: number) {
      return ok(
        await rpc.call(
          "sluice_original",
          { ...scoped(scope), p_document: documentId, p_revision: revision ?? null },
          Original,
        ),
      );
    },
    /** What people should look at, newest first. */
    async reviews(scope: Scope, cursor: TimeCursor | null, limit: number) {
      const { items } = ok(
        await rpc.call("sluice_reviews", { ...scoped(scope), ...before(cursor), p_limit: limit }, listOf(Review)),
      );
      const last = items.at(-1);
      return {
        items,
        next: items.length < limit || last === undefined ? null : { at: last.raisedAt, id: last.id },
      };
    },
    /** Somebody has looked. */
    async settleReview(scope: Scope, reviewId: string): Promise<void> {
      const answer = z.union([z.object({ outcome: z.literal("ok") }), refused]);
      ok(await rpc.call("sluice_settle_review", { ...scoped(scope), p_review: reviewId }, answer));
    },
    async createBatch(scope: Scope, name: string, expected?: number): Promise<Batch> {
      return toBatch(
        ok(
          await rpc.call(
            "sluice_create_batch",
            { ...scoped(scope), p_name: name, p_expected: expected ?? null },
            BatchAnswer,
          ),
        ).batch,
      );
    },
    async batch(scope: Scope, batchId: string): Promise<Batch> {
      return toBatch(ok(await rpc.call("sluice_get_batch", { ...scoped(scope), p_batch: batchId }, BatchAnswer)).batch);
    },
    async batches(
      scope: Scope,
      cursor: TimeCursor | null,
      limit: number,
    ): Promise<{ items: Batch[]; next: TimeCursor | null }> {
      const { items } = ok(
        await rpc.call(
          "sluice_list_batches",
          { ...scoped(scope), ...before(cursor), p_limit: limit },
          listOf(BatchRow),
        ),
      );
      const last = items.at(-1);
      return {
        items: items.map(toBatch),
        next: items.length < limit || last === undefined ? null : { at: last.createdAt, id: last.id },
      };
    },
    /** Cancel and retry go on call by call while `more`. */
    async batchAction(
      scope: Scope,
      batchId: string,
      action: BatchAction,
      options: { expected?: number; limit?: number } = {},
    ): Promise<{ batch: Batch; more: boolean }> {
      const answer = ok(
        await rpc.call(
          "sluice_batch_action",
          {
            ...scoped(scope),
            p_batch: batchId,
            p_action: action,
            p_expected: options.expected ?? null,
            p_limit: options.limit ?? 1_000,
          },
          BatchAnswer,
        ),
      );
      return { batch: toBatch(answer.batch), more: answer.more ?? false };
    },
    /** `vector`: pgvector text of the query under `model`; none for keyword search. */
    async search(
      scope: Scope,
      request: Pick<SearchRequest, "query" | "mode" | "k" | "filter">,
      options: {
        vector: string | null;
        model: string;
        queryHash: string;
        /** Groups of what the query's words are called otherwise. */
        related?: string[][];
        offset?: number;
        neighbours?: number;
        /** Up to so many vectors are compared one by one, even if there is an index. */
        exactBelow?: number;
      },
    ) {
      const answer = await rpc.call(
        "sluice_search",
        {
          ...scoped(scope),
          p_query: request.query,
          p_mode: request.mode,
          p_vector: options.vector,
          p_model: options.model,
          p_filter: request.filter as never,
          p_limit: request.k,
          p_query_hash: options.queryHash,
          p_options: {
            related: options.related ?? [],
            offset: options.offset ?? 0,
            neighbours: options.neighbours ?? 0,
            ...(options.exactBelow === undefined ? {} : { exactBelow: options.exactBelow }),
          },
        },
        Found,
      );
      return refuse(answer) as Exclude<z.infer<typeof Found>, z.infer<typeof refused>>;
    },
  };
}
