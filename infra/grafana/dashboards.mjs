// What the dashboards show: for each panel a title, a unit of Grafana's, a sentence, and queries with what their lines are called. `npm run docs`
// writes dashboards/*.json from it.

/** One panel. `queries`: [expression, legend] each; `kind`: timeseries, stat or gauge. */
const panel = (title, unit, sentence, queries, kind = "timeseries") => ({ title, unit, sentence, queries, kind });
const stat = (title, unit, sentence, expression) => panel(title, unit, sentence, [[expression, ""]], "stat");

export const dashboards = [
  {
    uid: "sluice-pipeline",
    title: "Sluice: the pipeline at a glance",
    panels: [
      stat(
        "Heartbeat",
        "s",
        "Since the newest document of nobody's that came through the whole pipeline was sent; about a minute.",
        "max(sluice_heartbeat_age_seconds)",
      ),
      stat(
        "Ledger",
        "short",
        "Documents accepted and not accounted for: nought, or somebody is woken.",
        "max(sluice_ledger_imbalance)",
      ),
      stat(
        "In the pipeline",
        "short",
        "Documents accepted and not yet final.",
        'sum(status:sluice_documents:max{status=~"uploaded|parsed|chunked"})',
      ),
      stat(
        "Dead letters",
        "short",
        "Documents that wait for somebody's decision.",
        "sum(max by (stage, code) (sluice_dead_letters)) or vector(0)",
      ),
      stat(
        "Searchable in time",
        "percentunit",
        "Interactive documents of the last day that were searchable within their target; 99% is promised.",
        "1 - (workload:sluice_searchable_missed:ratio_rate1d >= 0 or on () vector(0))",
      ),
      stat(
        "Dependencies",
        "bool_yes_no",
        "Whether any service reaches each thing that all need.",
        "min(dependency:sluice_dependency_up:max)",
      ),
      panel("Documents by status", "short", "How many documents there are in each status, of all organizations.", [
        ["status:sluice_documents:max", "{{status}}"],
      ]),
      panel("Finished a second", "ops", "Jobs that each stage finished a second, dead letters included.", [
        ["stage:sluice_jobs_finished:rate5m", "{{stage}}"],
      ]),
      panel(
        "Waiting",
        "short",
        "Documents before each stage: in Postgres's backlog, and waiting, put off or worked on in Redis.",
        [["stage_state:sluice_queue_depth:max", "{{stage}} {{state}}"]],
      ),
      panel(
        "Time to searchable, p95",
        "s",
        "From acceptance to being found, of those that became searchable within five minutes.",
        [
          [
            "histogram_quantile(0.95, sum by (workload, le) (rate(sluice_time_to_searchable_seconds_bucket[5m])))",
            "{{workload}}",
          ],
        ],
      ),
    ],
  },
  {
    uid: "sluice-stages",
    title: "Sluice: stages",
    panels: [
      panel("Jobs by outcome", "ops", "How jobs of each queue ended, a second.", [
        ["sum by (queue, outcome) (rate(sluice_jobs_total[5m]))", "{{queue}} {{outcome}}"],
      ]),
      panel(
        "Share of jobs that failed",
        "percentunit",
        "Of the jobs of each queue: those that will be tried again, and those that became dead letters.",
        [
          [
            '(sum by (queue) (rate(sluice_jobs_total{outcome=~"retrying|dead"}[5m])) or 0 * sum by (queue) (rate(sluice_jobs_total[5m]))) / (sum by (queue) (rate(sluice_jobs_total[5m])) > 0)',
            "{{queue}}",
          ],
        ],
      ),
      panel("Time on a job, p95", "s", "How long jobs were worked on; recognition takes seconds a page.", [
        ["stage_workload:sluice_job_duration_seconds:p95_rate5m", "{{stage}} {{workload}}"],
      ]),
      panel(
        "Worker slots busy",
        "percentunit",
        "The share of the workers' slots that are at work; one that is full for long wants more workers.",
        [["stage:sluice_worker_slots:busy_ratio", "{{stage}}"]],
      ),
      panel("Pages read", "ops", "Pages a second by format; a document without pages counts as one.", [
        ["sum by (format) (rate(sluice_pages_parsed_total[5m]))", "{{format}}"],
      ]),
      panel("Passages written", "ops", "Chunks a second.", [["sum(rate(sluice_chunks_total[5m]))", "chunks"]]),
      panel(
        "Supabase by operation, p95",
        "s",
        "How long calls of Supabase took; one operation that stands out is where to look.",
        [["topk(10, operation:sluice_supabase_request_duration_seconds:p95_rate5m)", "{{operation}}"]],
      ),
      panel("Supabase calls that failed", "ops", "Calls a second that were refused or not answered.", [
        [
          'sum by (operation, outcome) (rate(sluice_supabase_request_duration_seconds_count{outcome!="ok"}[5m])) or vector(0)',
          "{{operation}} {{outcome}}",
        ],
      ]),
      panel("Event loop lag, p99", "s", "How long a process was held up at a time.", [
        ["max by (job, instance) (nodejs_eventloop_lag_p99_seconds)", "{{job}} {{instance}}"],
      ]),
      panel("Memory", "bytes", "Resident memory of each process; a parser's children are not in it.", [
        ["max by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"],
      ]),
    ],
  },
  {
    uid: "sluice-queues",
    title: "Sluice: queues and Redis",
    panels: [
      panel(
        "Oldest that waits",
        "s",
        "For how long the oldest in the backlog has been due: of interactive documents, and of all.",
        [["stage_workload:sluice_oldest_job_age_seconds:max", "{{stage}} {{workload}}"]],
      ),
      panel(
        "Queue wait, p95",
        "s",
        "From being due to being taken up, without what documents were put off for on purpose.",
        [["stage_workload:sluice_queue_wait_seconds:p95_rate5m", "{{stage}} {{workload}}"]],
      ),
      panel("Overdue", "short", "Interactive documents that should be searchable by now and are not.", [
        ["max(sluice_overdue_documents)", "overdue"],
      ]),
      panel(
        "Redis memory",
        "percentunit",
        "What Redis uses of what it may use; full, it takes no more jobs, and they wait in Postgres.",
        [["max(sluice_redis_memory_ratio)", "used"]],
        "gauge",
      ),
      panel(
        "Jobs that Redis did not take",
        "ops",
        "Jobs a second that could not be put into Redis; the supervisor queues them again.",
        [["sum by (queue) (rate(sluice_enqueue_failures_total[5m]))", "{{queue}}"]],
      ),
      panel("Found stranded", "ops", "Documents a second that were found without a worker and queued again.", [
        ["sum by (queue) (rate(sluice_requeued_total[5m]))", "{{queue}}"],
      ]),
      panel("Circuit breakers", "short", "Breakers that hold a queue up, for all or for one organization.", [
        [
          "sum by (queue, cause) (max by (queue, cause) (sluice_circuit_breakers_open)) or vector(0)",
          "{{queue}} {{cause}}",
        ],
      ]),
      panel("Dependencies", "bool_yes_no", "Whether any service reaches the database and Redis.", [
        ["dependency:sluice_dependency_up:max", "{{dependency}}"],
      ]),
      panel(
        "Free disk",
        "percentunit",
        "What is free of the disks that documents are read on.",
        [["min by (job, instance) (sluice_disk_free_ratio)", "{{job}} {{instance}}"]],
        "gauge",
      ),
    ],
  },
  {
    uid: "sluice-embeddings",
    title: "Sluice: embeddings and cost",
    panels: [
      panel("Requests by outcome", "ops", "Requests to embedding providers a second, and how they ended.", [
        ["sum by (provider, outcome) (rate(sluice_embedding_requests_total[5m]))", "{{provider}} {{outcome}}"],
      ]),
      panel("Tokens a second", "short", "Tokens that were sent, by model.", [
        ["sum by (model) (rate(sluice_embedding_tokens_total[5m]))", "{{model}}"],
      ]),
      panel("Cost in a day", "currencyUSD", "What the last day's requests cost by the price table.", [
        ["sum by (model) (increase(sluice_embedding_cost_usd_total[1d])) or vector(0)", "{{model}}"],
      ]),
      panel("Inputs in a request, mean", "short", "How full requests were; small ones cost time.", [
        ["sum(rate(sluice_embedding_batch_size_sum[5m])) / sum(rate(sluice_embedding_batch_size_count[5m]))", "inputs"],
      ]),
      panel(
        "Waiting for limits",
        "percentunit",
        "The share of the time that embedders waited for a provider's limits; where it is high, more embedders make it worse.",
        [["sum by (provider) (rate(sluice_throttled_seconds_total[5m]))", "{{provider}}"]],
      ),
      panel("Tokens saved", "short", "Tokens a second that were not sent because the organization had their vectors.", [
        ["sum by (model) (rate(sluice_embedding_saved_tokens_total[5m]))", "{{model}}"],
      ]),
    ],
  },
  {
    uid: "sluice-objectives",
    title: "Sluice: objectives",
    panels: [
      stat(
        "Searchable in time, three days",
        "percentunit",
        "Interactive documents searchable within their target: a minute, or ten where pages are recognised. 99% is promised.",
        "1 - (workload:sluice_searchable_missed:ratio_rate3d >= 0 or on () vector(0))",
      ),
      stat(
        "API calls well, three days",
        "percentunit",
        "API calls that were not answered with an error of ours. 99.9% is promised.",
        "1 - (service:sluice_http_requests_failed:ratio_rate3d >= 0)",
      ),
      panel(
        "Searchable: budget burnt",
        "short",
        "How many times faster than a month allows the budget is spent: 14.4 over an hour or 6 over six wakes somebody.",
        [
          ["workload:sluice_searchable_missed:ratio_rate1h / 0.01", "1 h"],
          ["workload:sluice_searchable_missed:ratio_rate6h / 0.01", "6 h"],
        ],
      ),
      panel(
        "API: budget burnt",
        "short",
        "How many times faster than a month allows the budget is spent: 14.4 over an hour or 6 over six wakes somebody.",
        [
          ["service:sluice_http_requests_failed:ratio_rate1h / 0.001", "1 h"],
          ["service:sluice_http_requests_failed:ratio_rate6h / 0.001", "6 h"],
        ],
      ),
      panel("Calls by status", "reqps", "API calls a second by status.", [
        ["sum by (status) (rate(sluice_http_request_duration_seconds_count[5m]))", "{{status}}"],
      ]),
      panel("Time of a call, p95", "s", "How long calls took, by route; streams are not in it.", [
        [
          'topk(10, histogram_quantile(0.95, sum by (route, le) (rate(sluice_http_request_duration_seconds_bucket{route=~"/v1/.*"}[5m]))))',
          "{{route}}",
        ],
      ]),
    ],
  },
];

const datasource = { type: "prometheus", uid: "sluice-prometheus" };

/** A dashboard as Grafana takes it. */
export function grafanaJson({ uid, title, panels }) {
  let [x, y] = [0, 0];
  const placed = panels.map(({ title, unit, sentence, queries, kind }, index) => {
    const size = kind === "stat" ? { w: 4, h: 4 } : { w: 12, h: 8 };
    if (x + size.w > 24) [x, y] = [0, y + (panels[index - 1].kind === "stat" ? 4 : 8)];
    const gridPos = { x, y, ...size };
    x += size.w;
    return {
      id: index + 1,
      type: kind,
      title,
      description: sentence,
      datasource,
      gridPos,
      fieldConfig: { defaults: { unit, ...(unit === "percentunit" ? { min: 0, max: 1 } : {}) }, overrides: [] },
      options: {},
      targets: queries.map(([expr, legendFormat], i) => ({
        refId: String.fromCharCode(65 + i),
        datasource,
        expr,
        legendFormat,
      })),
    };
  });
  return {
    uid,
    title,
    tags: ["sluice"],
    schemaVersion: 38,
    editable: false,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timezone: "browser",
    panels: placed,
  };
}
