import { z } from "zod";
import { cursor, limit, time } from "./fields.js";
import { QueueName } from "./jobs.js";
import { Code, Fact, Header, Page, ParseWarning, Section, Table } from "./parsed.js";
import { Stage, Status } from "./status.js";

/** The HTTP API's resources and bodies. Bodies are strict: an unknown field is an error that names it. */

/** RFC 9457 problem details; `code` is stable, `errors` names the fields that were wrong. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  advice: z.string(),
  requestId: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  supported: z.array(z.string()).optional(),
  cap: z.string().optional().describe("The setting whose value was reached"),
});
export type Problem = z.infer<typeof Problem>;

export const Standing = z.enum(["current", "appended", "replaced", "corrected", "withdrawn", "cancelled"]);
export type Standing = z.infer<typeof Standing>;

export const Document = z.object({
  id: z.uuid(),
  externalId: z.string().nullable(),
  patient: z.string().nullable(),
  fileName: z.string().nullable(),
  contentHash: z.string().describe("SHA-256 of the bytes, hex"),
  byteLength: z.number(),
  mediaType: z.string().nullable(),
  declaredType: z.string().nullable(),
  format: z.string().nullable(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()),
  parentId: z.uuid().nullable(),
  memberPath: z.string().nullable(),
  batchId: z.uuid().nullable(),
  ingestionId: z.uuid(),
  revision: z.number().int(),
  generation: z.number().int(),
  status: Status,
  queue: QueueName.nullable(),
  waitingFor: z.string().nullable().describe("Code of what it waits for, when it is not its turn that it waits for"),
  attempts: z.number().int(),
  activeRevision: z.number().int().nullable().describe("The revision that readers and search see"),
  standing: Standing.describe("What other documents have made of it; search shows current and appended ones"),
  standingBy: z.uuid().nullable().describe("The document that made it so; null where it says so itself"),
  error: z.object({ code: z.string(), title: z.string(), advice: z.string(), stage: Stage.nullable() }).nullable(),
  // Not strict, unlike what a parser hands over: a client reads the answers of a newer service, too.
  header: z.object(Header.shape).nullable(),
  warnings: z.array(ParseWarning),
  embeddingModel: z.string().nullable(),
  counts: z.object({
    sections: z.number(),
    pages: z.number(),
    tables: z.number(),
    facts: z.number(),
    chunks: z.number(),
    tokens: z.number(),
    children: z.number(),
  }),
  timings: z.object({
    acceptedAt: time,
    parsedAt: time.nullable(),
    chunkedAt: time.nullable(),
    finishedAt: time.nullable(),
  }),
});
export type Document = z.infer<typeof Document>;

/** The answer for one file of a `POST /v1/documents`, in the order of the request. */
export const Receipt = z.object({
  id: z.uuid().optional(),
  ingestionId: z.uuid().optional(),
  status: Status.optional(),
  revision: z.number().int().optional(),
  duplicateOf: z.uuid().optional().describe("The document that these bytes already are"),
  problem: Problem.optional().describe("Why this file was not accepted"),
});
export type Receipt = z.infer<typeof Receipt>;

export const UploadAnswer = z.object({ documents: z.array(Receipt) });

const clinicalText = (max: number) => z.string().min(1).max(max);
export const Metadata = z.record(z.string().max(100), z.unknown());

/** The fields of a multipart upload beside its files; they apply to every file of the request. */
export const UploadFields = z.strictObject({
  batchId: z.uuid().optional(),
  externalId: clinicalText(500).optional(),
  patient: clinicalText(500).optional().describe("`identifier` or `authority|identifier`"),
  tags: z.array(clinicalText(100)).max(50).optional(),
  metadata: Metadata.optional(),
});
export type UploadFields = z.infer<typeof UploadFields>;

const day = z.iso.date();

/** What documents can be looked up by. All of it may be clinical content, so it travels in a body. */
export const DocumentFilter = z.strictObject({
  status: Status.optional(),
  code: z.string().max(100).optional(),
  batchId: z.uuid().optional(),
  documentId: z.uuid().optional(),
  parentId: z.uuid().optional(),
  externalId: clinicalText(500).optional(),
  fileName: clinicalText(500).optional(),
  patient: clinicalText(500)
    .optional()
    .describe("`identifier` or `authority|identifier`, as sent or as the document says"),
  format: z.string().max(50).optional(),
  tags: z.array(clinicalText(100)).max(50).optional().describe("All of them"),
  metadata: Metadata.optional().describe("Contained in the document's"),
  from: day.optional().describe("A service, authored or received date on or after"),
  to: day.optional().describe("… on or before"),
});
export type DocumentFilter = z.infer<typeof DocumentFilter>;

export const DocumentQuery = z.strictObject({ filter: DocumentFilter.default({}), limit: limit(200, 50), cursor });
/** The part of the filter that holds nothing clinical, for `GET /v1/documents`. */
export const DocumentListQuery = z.strictObject({
  status: Status.optional(),
  batch: z.uuid().optional(),
  code: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor,
});

export const Batch = z.object({
  id: z.uuid(),
  name: z.string(),
  createdAt: time,
  sealedAt: time.nullable(),
  expected: z.number().int().nullable(),
  pausedAt: time.nullable(),
  cancelledAt: time.nullable(),
  counts: z.record(z.string(), z.number()).describe("Ingestions by status, children included"),
  submitted: z.number().describe("Files answered, duplicates included"),
  duplicates: z.number(),
  inFlight: z.number(),
  finished: z.number(),
  short: z
    .number()
    .nullable()
    .describe("Files that were expected and have not been answered; a duplicate is answered, too"),
  complete: z
    .boolean()
    .describe("Sealed, and all that it accepted is final; a duplicate belongs to the batch that it first came with"),
  ratePerMinute: z.number(),
  secondsLeft: z.number().nullable().describe("At the last minute's rate"),
});
export type Batch = z.infer<typeof Batch>;
const Expected = z.number().int().min(0).max(2_147_483_647).optional();
export const NewBatch = z.strictObject({ name: clinicalText(200), expected: Expected });
export const SealBatch = z.strictObject({ expected: Expected });
export const BatchListQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(50), cursor });
/** `more`: a long cancel or retry stopped at its time; calling it again goes on where it was. */
export const BatchActionAnswer = Batch.extend({ more: z.boolean() });
/** Places for files that senders put into Storage themselves. */
export const UploadRequest = z.strictObject({ count: z.number().int().min(1).max(200).default(1) });
export const UploadPlaces = z.object({
  uploads: z.array(
    z.object({
      path: z.string().describe("What the file is named by afterwards"),
      url: z.string().describe("PUT the bytes here, once; whoever has the link can"),
    }),
  ),
  expiresAt: time.describe("Of the links"),
});
/** A file that lies in Storage, and what is said of it: a line of the manifest. */
export const ManifestLine = z.strictObject({
  path: z.string().max(200),
  contentHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex")
    .describe("SHA-256 of the bytes, hex; checked when the file is read"),
  fileName: clinicalText(500).optional(),
  declaredType: z.string().max(200).optional(),
  ...UploadFields.omit({ batchId: true }).shape,
});
export const Manifest = z.array(ManifestLine).min(1).max(1_000);

export const batchActions = ["seal", "pause", "resume", "cancel", "retry"] as const;
export type BatchAction = (typeof batchActions)[number];

export const searchModes = ["hybrid", "semantic", "keyword"] as const;
export const SearchFilter = DocumentFilter.omit({ status: true, code: true }).extend({
  sectionCode: z.string().max(100).optional(),
  documentType: clinicalText(200).optional().describe("A code, `system|code`, or the type's name"),
  language: z.string().min(2).max(35).optional().describe("As the document says: `en` is also `en-GB`"),
  dateKind: z
    .enum(["service", "authored", "received"])
    .optional()
    .describe("Which date `from` and `to` are about; any"),
  includeUndated: z
    .boolean()
    .optional()
    .describe("Under `from` or `to` also what has no such date; otherwise the answer counts it"),
  includeReplaced: z
    .boolean()
    .optional()
    .describe("Also what was replaced, corrected, withdrawn or cancelled; hits say so"),
});
export type SearchFilter = z.infer<typeof SearchFilter>;
/** White space is text; other control characters, and halves of surrogate pairs, come from something broken. */
const unreadable = /(?!\s)[\p{Cc}\p{Cs}]/u;
export const SearchRequest = z.strictObject({
  query: z
    .string()
    .max(4_000)
    .refine((text) => !unreadable.test(text), "holds control characters")
    .trim()
    .min(1),
  k: limit(100, 10).describe("How many passages"),
  mode: z.enum(searchModes).default("hybrid"),
  filter: SearchFilter.default({}),
  cursor,
  neighbours: z.number().int().min(0).max(5).default(0).describe("How many passages before and after each to show"),
  explain: z.boolean().default(false).describe("Say how each passage came to its place"),
  rerank: z.boolean().optional().describe("By the reranker, where one is configured; false: not this time"),
});
export type SearchRequest = z.infer<typeof SearchRequest>;

const copied = z
  .enum(["exact", "near"])
  .nullable()
  .describe("Whether another document of the same patient said it before");
const copyKey = z.string().describe("The same for passages that are copies of one another");

const ranges = z.array(z.tuple([z.number(), z.number()]));
const Neighbour = z.object({
  chunkId: z.uuid(),
  ordinal: z.number(),
  text: z.string(),
  pageFrom: z.number().nullable(),
  pageTo: z.number().nullable(),
  spans: ranges,
});
const RankedList = z.object({
  rank: z.number(),
  score: z.number().describe("By which the list is ordered"),
  weight: z.number(),
  adds: z.number().describe("weight / (60 + rank)"),
});
export const SearchHit = z.object({
  chunkId: z.uuid(),
  score: z.number().describe("The sum over the lists; of use only beside others of the same answer"),
  ranks: z
    .object({ phrase: z.number(), words: z.number(), semantic: z.number() })
    .partial()
    .describe("Place in each list that was fused"),
  similarity: z.number().nullable().describe("Cosine, where the passage was found by vector"),
  text: z.string(),
  prefix: z.string(),
  spans: ranges.describe("UTF-16 ranges over the document's display text"),
  highlights: ranges.describe("UTF-16 ranges of `text` that the query names, or what it means"),
  snippet: z
    .object({ text: z.string(), start: z.number(), highlights: ranges })
    .describe(
      "The part of `text` that begins at `start`, with ranges of its own. Plain text: escape it before it becomes HTML",
    ),
  pageFrom: z.number().nullable(),
  pageTo: z.number().nullable(),
  section: z
    .object({ ordinal: z.number(), title: z.string().nullable(), code: Code.nullable() })
    .describe("The section, or what a heading within it begins"),
  copied,
  copyKey,
  copies: z
    .array(z.object({ documentId: z.uuid(), chunkId: z.uuid(), standing: Standing }))
    .describe("Found as well, and folded into this hit: the same text in other documents of the patient"),
  before: z.array(Neighbour),
  after: z.array(Neighbour),
  explanation: z
    .object({
      lists: z.object({ phrase: RankedList, words: RankedList, semantic: RankedList }).partial(),
      rerank: z.object({ score: z.number(), was: z.number().describe("Its place before") }).optional(),
    })
    .optional(),
  document: z.object({
    id: z.uuid(),
    externalId: z.string().nullable(),
    fileName: z.string().nullable(),
    title: z.string().nullable(),
    revision: z.number(),
    mediaType: z.string().nullable(),
    parentId: z.uuid().nullable(),
    standing: Standing,
    standingBy: z.uuid().nullable(),
    warnings: z.array(z.string()).describe("Codes of what went wrong while reading it, e.g. page_unreadable"),
    addenda: z
      .array(z.object({ id: z.uuid(), title: z.string().nullable(), text: z.string().nullable() }))
      .describe("Documents that add to this one, with how each begins"),
    appendsTo: z.array(z.uuid()).describe("What this one adds to"),
  }),
});
export type SearchHit = z.infer<typeof SearchHit>;
export const SearchAnswer = z.object({
  hits: z.array(SearchHit),
  mode: z.enum(searchModes),
  model: z.string().nullable(),
  lexical: z.boolean().nullable().describe("True: the model compares words, not meaning"),
  nextCursor: z.string().nullable(),
  undated: z
    .number()
    .nullable()
    .describe("Under `from` or `to`: documents that pass the rest of the filter and have no such date"),
  scan: z
    .enum(["exact", "index", "completed"])
    .nullable()
    .describe("How vectors were compared; `completed`: exactly, after the index had left some out"),
  notes: z.array(z.enum(["rerank_unavailable"])).describe("What did not go as it should have"),
});
export type SearchAnswer = z.infer<typeof SearchAnswer>;

export const DocumentChunk = z.object({
  id: z.uuid(),
  ordinal: z.number(),
  section: z.number(),
  text: z.string(),
  prefix: z.string(),
  tokenCount: z.number(),
  pageFrom: z.number().nullable(),
  pageTo: z.number().nullable(),
  spans: z.array(z.tuple([z.number(), z.number()])),
  contentHash: z.string(),
  sectionTo: z.number().describe("The last of several short sections that were joined"),
  heading: z.string().nullable().describe("The heading within the section that it stands under"),
  code: Code.nullable().describe("Of the section, or of that heading"),
  strategy: z.string().nullable(),
  copied,
  copyKey,
  parserVersion: z.string().nullable(),
  chunkerVersion: z.string().nullable(),
});
export type DocumentChunk = z.infer<typeof DocumentChunk>;

/** A page of something derived; `current` is false when the revision is not the one readers get by default. */
const derived = <T extends z.ZodType>(item: T) =>
  z.object({
    revision: z.number(),
    current: z.boolean(),
    length: z.number().describe("Of the display text, in UTF-16 units"),
    items: z.array(item),
    nextCursor: z.string().nullable(),
  });
/** A section as readers get it. */
export const DocumentSection = Section.extend({
  parts: z
    .array(z.object({ title: z.string().nullable(), code: Code, start: z.number(), end: z.number() }))
    .describe("What common headings within it begin, and what its own title stands for where the source gives no code"),
});
export const SectionList = derived(DocumentSection);
export const PageList = derived(Page);
export const TableList = derived(Table);
export const FactList = derived(Fact);
export const ChunkList = derived(DocumentChunk);
export const ContentQuery = z.strictObject({
  revision: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(100),
  cursor,
});

/** A piece of the display text; the pieces joined by a blank line are the whole. `start`: its UTF-16 offset. */
export const TextContent = z.object({
  revision: z.number(),
  current: z.boolean(),
  length: z.number().describe("Of the whole display text, in UTF-16 units"),
  start: z.number(),
  text: z.string(),
  nextCursor: z.string().nullable(),
});

/** Where the original can be fetched for a short while; whoever has the link can read it. */
export const FileLink = z.object({
  url: z.string(),
  expiresAt: time,
  fileName: z.string().nullable(),
  mediaType: z.string().nullable(),
  byteLength: z.number(),
});
export const FileQuery = z.strictObject({ revision: z.coerce.number().int().positive().optional() });

export const EventListQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(200), cursor });
export const DocumentEvent = z.object({
  id: z.number(),
  ingestionId: z.uuid(),
  kind: z.string(),
  status: z.string(),
  stage: z.string().nullable(),
  generation: z.number(),
  attempt: z.number(),
  durationMs: z.number().nullable(),
  worker: z.string().nullable(),
  code: z.string().nullable(),
  at: time,
});
export type DocumentEvent = z.infer<typeof DocumentEvent>;

/** The data of a stream's `progress` event. Its `status` events hold a whole Document or Batch. */
export const StreamProgress = DocumentEvent.omit({ worker: true }).extend({ documentId: z.uuid() });
export type StreamProgress = z.infer<typeof StreamProgress>;
/** The data of a stream's last event. After `stopping`, `expired` or a broken connection, connect again with Last-Event-ID. */
export const StreamEnd = z.object({ reason: z.enum(["finished", "deleted", "refused", "expired", "stopping"]) });
export type StreamEnd = z.infer<typeof StreamEnd>;

/** Something about a document that a person should look at. */
export const Review = z.object({
  id: z.uuid(),
  documentId: z.uuid(),
  ingestionId: z.uuid(),
  code: z.string(),
  raisedAt: time,
});
export type Review = z.infer<typeof Review>;
export const ReviewQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50), cursor });

export const Ledger = z.object({
  accepted: z.number(),
  vectorized: z.number(),
  failed: z.number(),
  cancelled: z.number(),
  deleted: z.number(),
  inFlight: z.number(),
  duplicates: z.number(),
  imbalance: z.number(),
});
export type Ledger = z.infer<typeof Ledger>;

export const LedgerQuery = z.strictObject({
  batch: z.uuid().optional(),
  check: z.stringbool().default(false).describe("Name what is off"),
});
export const LedgerAnswer = z.object({
  ledger: Ledger,
  findings: z
    .array(z.object({ finding: z.string(), ingestionId: z.uuid(), documentId: z.uuid(), at: time }))
    .optional()
    .describe(
      "With `check`: missing (accepted, and neither there nor deleted), unaccounted (there, never accepted), undead (deleted, and still there), exposed (shown before it was done)",
    ),
});

/** On whose behalf a credential acts, and what it may do. */
export const Me = z.object({
  organizationId: z.uuid(),
  caller: z.object({ kind: z.enum(["api_key", "user"]), id: z.uuid() }),
  scopes: z.array(z.string()),
});
export type Me = z.infer<typeof Me>;

/** What a client has to know of the service. Nothing secret. */
export const ServiceConfig = z.object({
  version: z.string(),
  limits: z.object({
    maxFileBytes: z.number(),
    maxFilesPerRequest: z.number(),
    maxJsonBytes: z.number(),
    inFlightWindow: z.number(),
    signedUrlSeconds: z.number(),
  }),
  supportedTypes: z.array(
    z.object({ mediaType: z.string(), label: z.string(), extensions: z.array(z.string()).readonly() }),
  ),
  embedding: z.object({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    dimensions: z.number(),
    lexical: z.boolean().describe("True: the model compares words, not meaning"),
  }),
  searchModes: z.array(z.enum(searchModes)).readonly(),
});

export const list = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
