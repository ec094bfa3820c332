import { queueNames } from "@sluice/contracts";
import type { Series } from "../metrics.js";
import { table } from "../output.js";

/** What all services showed at one moment. */
export interface Look {
  /** Milliseconds, of any clock that only goes forward. */
  at: number;
  series: Series[];
}

export interface StageView {
  queue: string;
  backlog: number;
  waiting: number;
  active: number;
  oldestSeconds: number;
  perSecond: number | null;
  busy: number;
  slots: number;
}
export interface View {
  stages: StageView[];
  documents: Record<string, number>;
  deadLetters: number;
  overdue: number;
  imbalance: number;
  heartbeatSeconds: number | null;
  down: string[];
}

const isFinished = (outcome = "") => ["sealed", "moved", "dead"].includes(outcome);

function select(series: Series[], name: string, labels: Record<string, string> = {}): Series[] {
  return series.filter(
    (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
  );
}
const sum = (all: Series[]) => all.reduce((total, { value }) => total + value, 0);
/** Gauges are the leading supervisor's alone. */
const most = (all: Series[]) => all.reduce((highest, { value }) => Math.max(highest, value), 0);

/** What to show; rates are of the time between two looks, and unknown at the first. */
export function createView(now: Look, before: Look | undefined): View {
  const { series } = now;
  const finished = (look: Look, queue: string) =>
    sum(select(look.series, "sluice_jobs_total", { queue }).filter(({ labels }) => isFinished(labels.outcome)));
  const depth = (stage: string, state: string) => most(select(series, "sluice_queue_depth", { stage, state }));
  const reached = new Map<string, boolean>();
  for (const { labels, value } of select(series, "sluice_dependency_up")) {
    const name = labels.dependency ?? "";
    reached.set(name, (reached.get(name) ?? false) || value === 1);
  }
  const heartbeat = select(series, "sluice_heartbeat_age_seconds");
  return {
    stages: queueNames.map((queue) => ({
      queue,
      backlog: depth(queue, "backlog"),
      waiting: depth(queue, "waiting") + depth(queue, "delayed"),
      active: depth(queue, "active"),
      oldestSeconds: most(select(series, "sluice_oldest_job_age_seconds", { stage: queue })),
      // Less than before: a worker was started anew.
      perSecond:
        before === undefined
          ? null
          : Math.max(0, finished(now, queue) - finished(before, queue)) / ((now.at - before.at) / 1_000),
      busy: sum(select(series, "sluice_worker_slots_busy", { queue })),
      slots: sum(select(series, "sluice_worker_slots", { queue })),
    })),
    documents: Object.fromEntries(
      select(series, "sluice_documents").map(({ labels, value }) => [labels.status ?? "", value]),
    ),
    deadLetters: sum(select(series, "sluice_dead_letters")),
    overdue: most(select(series, "sluice_overdue_documents")),
    imbalance: most(select(series, "sluice_ledger_imbalance")),
    heartbeatSeconds: heartbeat.length === 0 ? null : most(heartbeat),
    down: [...reached].flatMap(([name, isUp]) => (isUp ? [] : [name])),
  };
}

function age(seconds: number): string {
  if (seconds < 1) return "-";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** As many blocks of `width` as the share of slots that is busy. */
function bar(busy: number, slots: number, width = 10): string {
  const full = slots === 0 ? 0 : Math.min(width, Math.ceil((busy / slots) * width));
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${busy}/${slots}`;
}

export function render(view: View): string {
  const rows = view.stages.map((stage) => [
    stage.queue,
    stage.backlog,
    stage.waiting,
    stage.active,
    age(stage.oldestSeconds),
    stage.perSecond === null ? "…" : stage.perSecond.toFixed(1),
    stage.slots === 0 ? "no worker" : bar(stage.busy, stage.slots),
  ]);
  const { documents } = view;
  const counts = Object.entries(documents).flatMap(([status, count]) => (count > 0 ? [`${status} ${count}`] : []));
  const alarms = [
    ...view.down.map((name) => `${name} is not reached`),
    ...(view.imbalance > 0 ? [`${view.imbalance} documents are not accounted for`] : []),
    ...(view.overdue > 0 ? [`${view.overdue} overdue`] : []),
  ];
  const heartbeat = view.heartbeatSeconds === null ? "no supervisor leads" : age(view.heartbeatSeconds);
  return [
    table(["queue", "backlog", "waiting", "active", "oldest", "a second", "workers"], rows),
    "",
    `documents   ${counts.join("   ") || "none"}   dead letters ${view.deadLetters}`,
    `heartbeat   ${heartbeat}${alarms.length > 0 ? `   ! ${alarms.join(", ")}` : ""}`,
  ].join("\n");
}
