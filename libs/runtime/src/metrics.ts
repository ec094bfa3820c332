import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const stageSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800];
const requestSeconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const waitSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 900, 3600, 14400, 86400, 604800];

/**
 * Every metric of every service, in one place. Labels are bounded and never personal. `workload` is `interactive` for what somebody waits for,
 * else `backfill` (what came in a batch, is run again, or is the heartbeat).
 */
const catalog = {
  jobs: counter("sluice_jobs_total", "Jobs by stage, queue and how they ended.", ["stage", "queue", "outcome"]),
  jobDuration: histogram(
    "sluice_job_duration_seconds",
    "Time a job was worked on.",
    ["stage", "queue", "workload"],
    stageSeconds,
  ),
  queueWait: histogram(
    "sluice_queue_wait_seconds",
    "Time from being due to being taken up; what it was put off for on purpose is not counted.",
    ["stage", "queue", "workload"],
    waitSeconds,
  ),
  queueDepth: gauge("sluice_queue_depth", "Jobs and ingestions waiting, by state.", ["stage", "state"]),
  oldestJobAge: gauge(
    "sluice_oldest_job_age_seconds",
    "For how long the oldest ingestion in the backlog has been due: of interactive ones, and (backfill) of all. What somebody paused is not old.",
    ["stage", "workload"],
  ),
  overdue: gauge("sluice_overdue_documents", "Interactive documents that should be searchable by now and are not.", []),
  workerSlots: gauge("sluice_worker_slots", "Jobs that workers could work on at once.", ["queue"]),
  workerSlotsBusy: gauge("sluice_worker_slots_busy", "Jobs that workers work on.", ["queue"]),
  documents: gauge("sluice_documents", "Ingestions by status.", ["status"]),
  ledgerImbalance: gauge(
    "sluice_ledger_imbalance",
    "Ingestions accepted and not accounted for; zero when all is well.",
    [],
  ),
  deadLetters: gauge("sluice_dead_letters", "Ingestions that wait for a decision.", ["stage", "code"]),
  timeToSearchable: histogram(
    "sluice_time_to_searchable_seconds",
    "From acceptance to being found.",
    ["workload"],
    waitSeconds,
  ),
  searchable: counter("sluice_searchable_total", "Documents that became searchable: `in_time`, or `late`.", [
    "workload",
    "outcome",
  ]),
  pagesParsed: counter("sluice_pages_parsed_total", "Pages read, by format; a document without pages counts as one.", [
    "format",
  ]),
  chunks: counter("sluice_chunks_total", "Chunks written.", []),
  embeddingRequests: counter("sluice_embedding_requests_total", "Requests to embedding providers.", [
    "provider",
    "outcome",
  ]),
  embeddingBatchSize: histogram(
    "sluice_embedding_batch_size",
    "Inputs in a request.",
    [],
    [1, 4, 16, 64, 128, 256, 512, 1024, 2048],
  ),
  embeddingTokens: counter("sluice_embedding_tokens_total", "Tokens sent.", ["model"]),
  embeddingCost: counter("sluice_embedding_cost_usd_total", "What requests cost by the price table, in US dollars.", [
    "model",
  ]),
  embeddingCacheHits: counter(
    "sluice_embedding_cache_hits_total",
    "Texts that were not sent because the organization had their vectors.",
    ["model"],
  ),
  embeddingSavedTokens: counter("sluice_embedding_saved_tokens_total", "Tokens of those texts.", ["model"]),
  budgets: counter("sluice_budgets_total", "Organizations' budgets that came near their end, or to it, in a month.", [
    "state",
  ]),
  throttledSeconds: counter("sluice_throttled_seconds_total", "Time spent waiting for a provider's limits.", [
    "provider",
  ]),
  httpDuration: histogram("sluice_http_request_duration_seconds", "API calls.", ["route", "method", "status"], seconds),
  enqueueFailures: counter(
    "sluice_enqueue_failures_total",
    "Jobs Redis did not take; they are queued again from Postgres.",
    ["queue"],
  ),
  supabaseDuration: histogram(
    "sluice_supabase_request_duration_seconds",
    "Calls of Supabase by operation: `ok`, `refused` (an answer that is an error) or `unavailable`.",
    ["operation", "outcome"],
    requestSeconds,
  ),
  dependencyUp: gauge("sluice_dependency_up", "1 when the process reaches it, 0 when it does not.", ["dependency"]),
  diskFree: gauge("sluice_disk_free_ratio", "What is free of the disk that documents are read on.", []),
  redisMemory: gauge(
    "sluice_redis_memory_ratio",
    "What Redis uses of what it may use (maxmemory, or the machine's memory); of several nodes the fullest.",
    [],
  ),
  certificateExpiry: gauge(
    "sluice_certificate_expiry_seconds",
    "Until the certificate of an endpoint runs out; only where it is reached by TLS.",
    ["endpoint"],
  ),
  keyExpiry: gauge("sluice_api_key_expiry_seconds", "Until the next API key that is in use expires.", []),
  heartbeatAge: gauge(
    "sluice_heartbeat_age_seconds",
    "Since the newest heartbeat document that came through the whole pipeline was sent.",
    [],
  ),
  leads: gauge("sluice_supervisor_leads", "1 for the supervisor that leads, 0 for one that stands by.", []),
  requeued: counter("sluice_requeued_total", "Ingestions found stranded and queued again.", ["queue"]),
  dispatched: counter("sluice_dispatched_total", "Ingestions taken from the backlog into the window.", ["queue"]),
  breakersOpen: gauge(
    "sluice_circuit_breakers_open",
    "Circuit breakers that hold a queue up, for all or for one organization.",
    ["queue", "cause"],
  ),
  recounted: counter("sluice_recounted_total", "Acceptances held against their ingestions by the rolling recount.", []),
  recountAge: gauge("sluice_recount_age_seconds", "Since the rolling recount last came to its end.", []),
  miscounted: counter("sluice_miscounted_total", "Counts that the rolling recount found wrong and put right.", []),
  webhookDeliveries: counter("sluice_webhook_deliveries_total", "Tries to tell a webhook, and how they ended.", [
    "outcome",
  ]),
  auditUnsealed: gauge("sluice_audit_unsealed_seconds", "Age of the oldest audit entry that is not sealed.", []),
  auditSealed: counter("sluice_audit_sealed_total", "Audit entries sealed into the chain.", []),
  auditBroken: gauge(
    "sluice_audit_broken",
    "1 when the audit's chain is not the one that was sealed; sealing has stopped.",
    [],
  ),
  swept: counter("sluice_swept_total", "Leftovers removed, by kind.", ["kind"]),
};

interface Declared<K, L extends string> {
  kind: K;
  name: string;
  help: string;
  labelNames: readonly L[];
  buckets?: number[];
}
function counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Declared<"counter", L> {
  return { kind: "counter", name, help, labelNames };
}
function gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Declared<"gauge", L> {
  return { kind: "gauge", name, help, labelNames };
}
function histogram<L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[],
  buckets: number[],
): Declared<"histogram", L> {
  return { kind: "histogram", name, help, labelNames, buckets };
}

type MetricOf<D> =
  D extends Declared<"counter", infer L>
    ? Counter<L>
    : D extends Declared<"gauge", infer L>
      ? Gauge<L>
      : D extends Declared<"histogram", infer L>
        ? Histogram<L>
        : never;

export type Metrics = { readonly [K in keyof typeof catalog]: MetricOf<(typeof catalog)[K]> } & {
  readonly registry: Registry;
};

/** A row a metric, for the docs. */
export function describeMetrics(): { name: string; kind: string; labels: readonly string[]; help: string }[] {
  return Object.values(catalog).map(({ name, kind, labelNames, help }) => ({ name, kind, labels: labelNames, help }));
}

/** The metrics of one service. A metric is registered when it is first used, so that no service shows another's zeros. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const made = new Map<string, unknown>();
  const make = (declared: Declared<string, string>) => {
    const options = {
      name: declared.name,
      help: declared.help,
      labelNames: [...declared.labelNames],
      registers: [registry],
    };
    if (declared.kind === "counter") return new Counter(options);
    if (declared.kind === "gauge") return new Gauge(options);
    return new Histogram({ ...options, buckets: declared.buckets });
  };
  const metrics = { registry };
  for (const [key, declared] of Object.entries(catalog)) {
    Object.defineProperty(metrics, key, {
      get: () => {
        if (!made.has(key)) made.set(key, make(declared));
        return made.get(key);
      },
    });
  }
  return metrics as Metrics;
}
