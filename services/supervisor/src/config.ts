import { jobCatalog } from "@sluice/contracts";
import { queueConfig, workerConfig } from "@sluice/queue";
import { outboundConfig, variable } from "@sluice/runtime";
import { indexPays, storeConfig } from "@sluice/store";
import { z } from "zod";

const longestJobMs = Math.max(...Object.values(jobCatalog).map((spec) => spec.timeoutMs));
const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const supervisorConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  window: variable(
    "IN_FLIGHT_WINDOW",
    positive(64),
    "Ingestions of one organization that may have a job in Redis at once, where it has no number of its own.",
  ),
  dispatchMs: variable("DISPATCH_INTERVAL_MS", positive(250), "How often the backlog is looked at; milliseconds."),
  dispatchLimit: variable("DISPATCH_LIMIT", positive(500), "Ingestions dispatched in one turn, at most."),
  reconcileMs: variable(
    "RECONCILE_INTERVAL_MS",
    positive(2_000),
    "How often ingestions without a job are looked for; milliseconds.",
  ),
  reconcileGraceMs: variable(
    "RECONCILE_GRACE_MS",
    positive(5_000),
    "How long an ingestion in flight may be without a job or a lease; milliseconds.",
  ),
  sweepMs: variable("SWEEP_INTERVAL_MS", positive(30_000), "How often leftovers are removed; milliseconds."),
  orphanGraceMs: variable(
    "ORPHAN_GRACE_MS",
    positive(21_600_000).refine((ms) => ms > longestJobMs, `must be more than the longest job takes (${longestJobMs})`),
    "How long a stored object may be without a document: longer than any job takes, whose children are stored before they are accepted; milliseconds.",
  ),
  indexes: {
    databaseUrl: variable(
      "SUPABASE_DB_URL",
      z.string().optional(),
      "A direct connection to Postgres, by which indexes of vectors are built beside what goes on. Without it the embedded database builds its own, as a pause; elsewhere it is needed.",
      { secret: true, wire: true },
    ),
    from: variable(
      "VECTOR_INDEX_FROM",
      positive(indexPays),
      "Vectors of a model from which its index is built; until then all are compared.",
    ),
    everyMs: variable("VECTOR_INDEX_INTERVAL_MS", positive(600_000), "How often that is looked at; milliseconds."),
  },
  audit: {
    sealKey: variable(
      "AUDIT_SEAL_KEY",
      z.string().min(32).optional(),
      "Secret by which audit entries are sealed and the chain's heads signed; the same for every supervisor, kept outside the database, needed to verify. Without it nothing is sealed.",
      { secret: true },
    ),
    sealMs: variable(
      "AUDIT_SEAL_INTERVAL_MS",
      z.coerce.number().int().min(100).max(4_000).default(1_000),
      "How often audit entries are sealed; milliseconds.",
    ),
    anchorFile: variable(
      "AUDIT_ANCHOR_FILE",
      z.string().optional(),
      "File that signed heads of the audit's chain are added to, where the database's administrators can't write.",
    ),
    anchorUrl: variable(
      "AUDIT_ANCHOR_URL",
      z.url({ protocol: /^https?$/ }).optional(),
      "Bucket that takes signed heads by PUT, each as `<url>/<number>.json`.",
      { wire: true },
    ),
    anchorAuthorization: variable(
      "AUDIT_ANCHOR_AUTHORIZATION",
      z.string().optional(),
      "The bucket's Authorization header, such as `Bearer …`.",
      { secret: true },
    ),
    anchorMs: variable(
      "AUDIT_ANCHOR_INTERVAL_MS",
      positive(60_000),
      "How often a signed head leaves, while there is a new one; what is cut off the chain in between is not found by it. Milliseconds.",
    ),
  },
  reindexMs: variable(
    "REINDEX_INTERVAL_MS",
    positive(2_000),
    "How often a change of the embedding model is taken further; milliseconds.",
  ),
  failures: {
    windowMs: variable(
      "FAILURE_WINDOW_MS",
      positive(60_000),
      "How far back tries are looked at that may pause a stage; milliseconds.",
    ),
    share: variable(
      "FAILURE_SHARE",
      z.coerce.number().gt(0).lt(1).default(0.5),
      "When more than this share of a stage's tries failed, by no fault of the documents, it is paused.",
    ),
    least: variable("FAILURE_LEAST", positive(20), "Failures it takes at least to pause a stage."),
  },
  webhooks: {
    ...outboundConfig,
    intervalMs: variable("WEBHOOK_INTERVAL_MS", positive(1_000), "How often what happened is told on; milliseconds."),
    timeoutMs: variable(
      "WEBHOOK_TIMEOUT_MS",
      positive(10_000),
      "How long a receiver may take to answer; milliseconds.",
    ),
  },
  heartbeatMs: variable(
    "HEARTBEAT_INTERVAL_MS",
    z.coerce.number().int().min(0).default(60_000),
    "How often a document of nobody's is sent through the whole pipeline, to see that it gets through; milliseconds, 0 for never.",
  ),
  recountMs: variable(
    "RECOUNT_INTERVAL_MS",
    positive(2_000),
    "How often a thousand ingestions and one batch's counts are held against the books; milliseconds.",
  ),
  leaseMs: variable(
    "SUPERVISOR_LEASE_MS",
    positive(10_000),
    "A leading supervisor that does not renew within this is replaced; milliseconds.",
  ),
};
