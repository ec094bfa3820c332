/** What makes an alert fire: series (promtool's notation, a value a minute), and when it must. */
export interface AlertCase {
  series: Record<string, string>;
  at: string;
  /** How many of it. */
  count?: number;
}

const depends = (name: string) => `sluice_dependency_up{dependency="${name}", job="parser", instance="p1"}`;
const searchable = (outcome: string) =>
  `sluice_searchable_total{service="embedder", workload="interactive", outcome="${outcome}"}`;
const calls = (status: string) =>
  `sluice_http_request_duration_seconds_count{service="gateway", route="/v1/search", method="POST", status="${status}"}`;
const services = ["gateway", "parser", "recogniser", "chunker", "embedder", "supervisor"];

/** A stack that is up and has nothing to do. */
export const idle: Record<string, string> = {
  ...Object.fromEntries(services.map((job) => [`up{job="${job}", instance="${job}1"}`, "1x6000"])),
  [depends("database")]: "1x6000",
  [depends("redis")]: "1x6000",
  'sluice_supervisor_leads{service="supervisor"}': "1x6000",
  sluice_heartbeat_age_seconds: "30x6000",
  sluice_ledger_imbalance: "0x6000",
  sluice_overdue_documents: "0x6000",
  sluice_recount_age_seconds: "60x6000",
  sluice_redis_memory_ratio: "0.01x6000",
  'sluice_disk_free_ratio{job="parser", instance="parser1"}': "0.6x6000",
  'sluice_certificate_expiry_seconds{endpoint="supabase"}': "5000000-60x6000",
  sluice_api_key_expiry_seconds: "5000000-60x6000",
  [searchable("in_time")]: "0x6000",
  [searchable("late")]: "0x6000",
  [calls("200")]: "0x6000",
  'sluice_jobs_total{stage="parse", queue="parse", outcome="sealed"}': "0x6000",
  'sluice_jobs_total{stage="parse", queue="parse", outcome="dead"}': "0x6000",
  'sluice_queue_depth{stage="parse", state="waiting"}': "0x6000",
  'sluice_queue_depth{stage="parse", state="backlog"}': "0x6000",
  'sluice_oldest_job_age_seconds{stage="parse", workload="interactive"}': "0x6000",
  'sluice_oldest_job_age_seconds{stage="parse", workload="backfill"}': "0x6000",
  'sluice_requeued_total{queue="parse"}': "0x6000",
  sluice_miscounted_total: "0x6000",
  'sluice_throttled_seconds_total{provider="openai"}': "0x6000",
  'nodejs_eventloop_lag_p99_seconds{job="parser", instance="parser1"}': "0.02x6000",
};

/** One for each alert. What is not said is as in an idle stack. */
export const alertCases: Record<string, AlertCase> = {
  SluiceDatabaseDown: { series: { [depends("database")]: "1x10 0x30" }, at: "14m" },
  SluiceRedisDown: { series: { [depends("redis")]: "1x10 0x30" }, at: "14m" },
  SluiceServiceDown: { series: { 'up{job="chunker", instance="chunker1"}': "1x10 0x30" }, at: "15m" },
  SluiceSupervisorMissing: { series: { 'sluice_supervisor_leads{service="supervisor"}': "1x10 0x30" }, at: "16m" },
  SluiceCircuitOpen: {
    series: { 'sluice_circuit_breakers_open{queue="embed", cause="embedding"}': "0x10 1x30" },
    at: "20m",
  },
  SluiceHeartbeatOld: { series: { sluice_heartbeat_age_seconds: "30+60x30" }, at: "10m" },
  SluiceStageStopped: { series: { 'sluice_queue_depth{stage="parse", state="waiting"}': "7x60" }, at: "30m" },
  SluiceQueueOld: {
    series: { 'sluice_oldest_job_age_seconds{stage="parse", workload="interactive"}': "0+60x60" },
    at: "30m",
  },
  SluiceWorkersDying: { series: { 'sluice_requeued_total{queue="parse"}': "0+1x60" }, at: "40m" },
  SluiceDatabaseSlow: {
    series: {
      'sluice_supabase_request_duration_seconds_bucket{service="parser", operation="sluice_begin_stage", le="2.5"}':
        "0x60",
      'sluice_supabase_request_duration_seconds_bucket{service="parser", operation="sluice_begin_stage", le="5"}':
        "0+60x60",
      'sluice_supabase_request_duration_seconds_bucket{service="parser", operation="sluice_begin_stage", le="+Inf"}':
        "0+60x60",
    },
    at: "40m",
  },
  SluiceInstanceDown: { series: { 'up{job="parser", instance="parser2"}': "1x5 0x30" }, at: "20m" },
  SluiceEventLoopBlocked: {
    series: { 'nodejs_eventloop_lag_p99_seconds{job="parser", instance="parser1"}': "3x60" },
    at: "20m",
  },
  SluiceSearchableBurningFast: {
    series: { [searchable("in_time")]: "0+1x90", [searchable("late")]: "0+1x90" },
    at: "80m",
  },
  SluiceSearchableBurningSlow: {
    series: { [searchable("in_time")]: "0+24x600", [searchable("late")]: "0+1x600" },
    at: "7h",
  },
  SluiceApiBurningFast: { series: { [calls("200")]: "0+60x90", [calls("503")]: "0+5x90" }, at: "80m" },
  SluiceApiBurningSlow: { series: { [calls("200")]: "0+1000x600", [calls("503")]: "0+4x600" }, at: "7h" },
  SluiceLedgerImbalance: { series: { sluice_ledger_imbalance: "0x5 2x30" }, at: "10m" },
  SluiceMiscounted: { series: { sluice_miscounted_total: "0x5 3x60" }, at: "20m" },
  SluiceRecountOld: { series: { sluice_recount_age_seconds: "86000+60x200" }, at: "2h" },
  SluiceDeadLettersRising: {
    series: {
      'sluice_jobs_total{stage="parse", queue="parse", outcome="sealed"}': "0+5x90",
      'sluice_jobs_total{stage="parse", queue="parse", outcome="dead"}': "0+2x90",
    },
    at: "45m",
  },
  SluiceProviderThrottled: { series: { 'sluice_throttled_seconds_total{provider="openai"}': "0+60x120" }, at: "90m" },
  SluiceRedisMemoryHigh: { series: { sluice_redis_memory_ratio: "0.9x30" }, at: "10m" },
  SluiceDiskLow: { series: { 'sluice_disk_free_ratio{job="parser", instance="parser1"}': "0.08x60" }, at: "20m" },
  SluiceDiskFull: { series: { 'sluice_disk_free_ratio{job="parser", instance="parser1"}': "0.01x60" }, at: "20m" },
  SluiceCertificateExpiring: {
    series: { 'sluice_certificate_expiry_seconds{endpoint="supabase"}': "1000000-60x200" },
    at: "2h",
  },
  SluiceCertificateExpiringSoon: {
    series: { 'sluice_certificate_expiry_seconds{endpoint="supabase"}': "100000-60x200" },
    at: "2h",
  },
  SluiceKeyExpiring: { series: { sluice_api_key_expiry_seconds: "500000-60x200" }, at: "2h" },
  SluiceDependencyRecovering: { series: { [depends("redis")]: "1x10 0x5 1x60" }, at: "22m" },
  SluiceDependencyWasDown: { series: { [depends("redis")]: "1x10 0x5 1x60" }, at: "50m" },
  SluiceWatchdog: { series: {}, at: "5m" },
};
