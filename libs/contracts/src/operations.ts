import { z } from "zod";
import { Document, DocumentEvent } from "./api.js";
import { cursor, time } from "./fields.js";
import { QueueName } from "./jobs.js";
import { Stage } from "./status.js";

/** `open` waits for a decision; `replayed` is on its way again; `resolved` got there; `discarded` was given up. */
export const DeadLetterState = z.enum(["open", "replayed", "resolved", "discarded"]);

export const DeadLetter = z.object({
  ingestionId: z.uuid(),
  documentId: z.uuid(),
  batchId: z.uuid().nullable(),
  stage: Stage,
  code: z.string(),
  title: z.string(),
  advice: z.string(),
  version: z.string().nullable().describe("Of the stage's code; for the embedder its model"),
  state: DeadLetterState,
  attempts: z.number(),
  replays: z.number().describe("In a row that ended in the same stage with the same code"),
  poison: z.boolean().describe("Three of those: left out of replays that do not name it"),
  tries: z
    .array(
      z.object({
        at: time,
        stage: z.string().nullable(),
        attempt: z.number(),
        code: z.string().nullable(),
        worker: z.string().nullable(),
        durationMs: z.number().nullable(),
      }),
    )
    .describe("Newest first, at most twenty"),
  firstSeen: time,
  lastSeen: time,
  decidedAt: time.nullable(),
  reason: z.string().nullable(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const DeadLetterFilter = z.strictObject({
  stage: Stage.optional(),
  code: z.string().max(100).optional(),
  version: z.string().max(200).optional(),
  batchId: z.uuid().optional(),
  state: DeadLetterState.optional().describe("`open` unless given"),
  poison: z.boolean().optional(),
  before: z.iso.datetime({ offset: true }).optional().describe("Failed last before this time"),
  after: z.iso.datetime({ offset: true }).optional().describe("Failed last at or after this time"),
});
export type DeadLetterFilter = z.infer<typeof DeadLetterFilter>;

export const DeadLetterQuery = DeadLetterFilter.omit({ batchId: true, poison: true }).extend({
  batch: z.uuid().optional(),
  poison: z.stringbool().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor,
});

const ids = z.array(z.uuid()).min(1).max(500).describe("`ingestionId` of dead letters");
const named = z.strictObject({ ids });
const filtered = z.strictObject({
  filter: DeadLetterFilter.omit({ state: true }).describe(
    "Those that wait for a decision; poison only where it says so",
  ),
});
export const ReplayRequest = z.union([named, filtered]);
export type ReplayRequest = z.infer<typeof ReplayRequest>;
const reason = z.string().trim().min(1).max(500).describe("Kept with the dead letter");
export const DiscardRequest = z.union([named.extend({ reason }), filtered.extend({ reason })]);
export const Decision = z.object({
  count: z.number().describe("How many were decided on"),
  left: z.number().describe("Of those named: not open, in a cancelled batch, or held by somebody at the moment"),
  more: z.boolean().describe("A long one stopped at its time; calling it again goes on"),
});
export type Decision = z.infer<typeof Decision>;

/** Why a queue does not go on. */
export const OpenBreaker = z.object({
  cause: z.enum(["storage", "parser", "embedding", "budget", "failures", "operator"]),
  code: z.string(),
  everybody: z.boolean().describe("False: it holds up this organization alone"),
  since: time,
  retryAt: time.nullable().describe("When one document may try; null: not before somebody resumes it"),
});
export const Queue = z.object({
  queue: QueueName,
  documents: z.number().describe("Waiting or worked on"),
  inFlight: z.number().describe("With a job in Redis"),
  breakers: z.array(OpenBreaker),
});
export type Queue = z.infer<typeof Queue>;
export const QueueSelection = z.strictObject({ queues: z.array(QueueName).min(1).max(4) });

/** What an ingestion waits for. */
export const Waits = z.object({
  reason: z.enum(["final", "working", "batch_paused", "breaker", "queued", "delayed", "backlog"]),
  since: time.nullish(),
  until: time.nullish(),
  code: z.string().nullish(),
  cause: z.string().nullish(),
  worker: z.string().nullish(),
  ahead: z.number().optional().describe("In the backlog before it; 10,000 stands for that many or more"),
});
export type Waits = z.infer<typeof Waits>;

export const StoryLine = DocumentEvent.pick({ at: true, kind: true, stage: true, worker: true, code: true }).extend({
  text: z.string(),
});
export type StoryLine = z.infer<typeof StoryLine>;
export const Why = z.object({
  document: Document,
  waits: Waits,
  now: z.object({ text: z.string(), advice: z.string().nullable() }),
  story: z.array(StoryLine).describe("Oldest first; the last 200 events"),
});
export type Why = z.infer<typeof Why>;

/** What an organization used of a model in a month (UTC), and what it did not have to pay for again. */
export const Usage = z.object({
  month: z.string().describe("YYYY-MM, UTC"),
  provider: z.string(),
  model: z.string(),
  requests: z.number().describe("That it had a part in"),
  inputs: z.number().describe("Texts"),
  tokens: z.number().describe("As the provider counts them, where it does"),
  costUsd: z.number(),
  unpricedTokens: z.number().describe("Of these no price is known: they are in no cost"),
  presumedTokens: z.number().describe("Of requests that nobody knows the end of: they are counted as paid for"),
  savedInputs: z.number().describe("Texts that were not sent because their vectors were there"),
  savedTokens: z.number(),
  savedUsd: z.number(),
});
export type Usage = z.infer<typeof Usage>;
export const Budget = z.object({
  month: z.string(),
  usd: z.number().nullable().describe("Of a month; null: no limit"),
  tokens: z.number().nullable(),
  warnShare: z.number(),
  usedUsd: z.number(),
  usedTokens: z.number(),
  reservedTokens: z.number().describe("Of requests under way"),
  state: z
    .enum(["well", "warned", "exhausted"])
    .describe("Exhausted: its documents wait before embedding, until the budget is raised or the next month"),
});
export type Budget = z.infer<typeof Budget>;
export const UsageQuery = z.strictObject({
  months: z.coerce.number().int().min(1).max(120).default(12).describe("This one and those before"),
});
export const UsageAnswer = z.object({ items: z.array(Usage).describe("Newest first"), budget: Budget });
export type UsageAnswer = z.infer<typeof UsageAnswer>;
export const BudgetRequest = z.strictObject({
  usd: z.number().min(0).max(1e9).nullable().default(null).describe("US dollars a month; null: no limit"),
  tokens: z.number().int().min(0).max(1e15).nullable().default(null),
  warnShare: z.number().gt(0).max(1).default(0.8).describe("The share at which it is said that the end is near"),
});
export type BudgetRequest = z.infer<typeof BudgetRequest>;

const modelId = z
  .string()
  .min(1)
  .max(300)
  .describe("provider/name/dimensions; an embedder has to have been started with it");
export const ReindexRequest = z.strictObject({
  model: modelId,
  windowSeconds: z
    .number()
    .int()
    .min(0)
    .max(366 * 86_400)
    .default(7 * 86_400)
    .describe("How long after the flip both models are kept up, so that it can be rolled back"),
  acceptMissing: z
    .boolean()
    .default(false)
    .describe("Flip even though the model refuses passages; they are found by their words only"),
});
export type ReindexRequest = z.infer<typeof ReindexRequest>;
export const ReindexEstimateRequest = z.strictObject({ model: modelId });
export const RollbackRequest = z.strictObject({ acceptMissing: ReindexRequest.shape.acceptMissing });
export const ReindexEstimate = z.object({
  model: z.string(),
  documents: z.number(),
  passages: z.number(),
  tokens: z.number().describe("As they were counted when they were cut"),
  usd: z.number().nullable().describe("null: no price of the model is known"),
  tokensPerMinute: z
    .number()
    .nullable()
    .describe("What one request at a time brought in the last month; null: never measured"),
  minutes: z.number().nullable(),
});
export type ReindexEstimate = z.infer<typeof ReindexEstimate>;
export const Reindex = z.object({
  id: z.uuid(),
  model: z.string(),
  fromModel: z.string(),
  state: z
    .enum(["running", "flipped", "rolling_back", "rolled_back", "closing", "done"])
    .describe("Search reads `fromModel` while it runs and once it is rolled back, `model` from the flip on"),
  cancelled: z.boolean(),
  acceptMissing: z.boolean(),
  looking: z.boolean().describe("What lacks vectors is still being looked for: `documentsLeft` will grow"),
  documentsLeft: z.number(),
  passagesEmbedded: z.number(),
  passagesRefused: z.number().describe("That the model will not take"),
  waitingFor: z.string().nullable(),
  startedAt: z.string(),
  flippedAt: z.string().nullable(),
  windowUntil: z.string().nullable(),
  finishedAt: z.string().nullable(),
});
export type Reindex = z.infer<typeof Reindex>;
export const ReindexList = z.object({
  activeModel: z.string().nullable().describe("That search reads"),
  items: z.array(Reindex).describe("Newest first"),
});
