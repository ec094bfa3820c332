import { describe, expect, it } from "@jest/globals";
import { parseMetrics } from "../metrics.js";
import { createView, render } from "./view.js";

const supervisor = (leads: number) => `sluice_supervisor_leads{service="supervisor"} ${leads}
sluice_queue_depth{stage="parse",state="backlog",service="supervisor"} 900
sluice_queue_depth{stage="parse",state="waiting",service="supervisor"} 60
sluice_queue_depth{stage="parse",state="active",service="supervisor"} 4
sluice_oldest_job_age_seconds{stage="parse",workload="backfill",service="supervisor"} 7300
sluice_documents{status="uploaded",service="supervisor"} 964
sluice_documents{status="vectorized",service="supervisor"} 36
sluice_dead_letters{stage="parse",code="document_corrupt",service="supervisor"} 3
sluice_heartbeat_age_seconds{service="supervisor"} 42
sluice_overdue_documents{service="supervisor"} 0
sluice_ledger_imbalance{service="supervisor"} 0
sluice_dependency_up{dependency="database",service="supervisor"} 1
sluice_dependency_up{dependency="redis",service="supervisor"} 0`;
const parser = (
  sealed: number,
) => `sluice_jobs_total{stage="parse",queue="parse",outcome="sealed",service="parser"} ${sealed}
sluice_jobs_total{stage="parse",queue="parse",outcome="waiting",service="parser"} ${sealed * 7}
sluice_worker_slots{queue="parse",service="parser"} 2
sluice_worker_slots_busy{queue="parse",service="parser"} 1
sluice_dependency_up{dependency="redis",service="parser"} 0`;
const look = (at: number, ...texts: string[]) => ({ at, series: texts.flatMap(parseMetrics) });

describe("what top shows", () => {
  const before = look(1_000, supervisor(1), parser(10), parser(20));
  const now = look(3_000, supervisor(1), parser(15), parser(25));

  it("adds workers up, takes gauges once, and counts a second by what was finished between two looks", () => {
    const { stages, documents, deadLetters, down } = createView(now, before);
    expect(stages[0]).toEqual({
      queue: "parse",
      backlog: 900,
      waiting: 60,
      active: 4,
      oldestSeconds: 7_300,
      perSecond: 5,
      busy: 2,
      slots: 4,
    });
    expect(documents).toEqual({ uploaded: 964, vectorized: 36 });
    expect([deadLetters, down]).toEqual([3, ["redis"]]);
  });

  it("knows no rate at the first look, and none below nought when a worker was started anew", () => {
    expect(createView(now, undefined).stages[0]?.perSecond).toBeNull();
    expect(createView(look(5_000, parser(1)), now).stages[0]?.perSecond).toBe(0);
  });

  it("is a table with what is wrong under it", () => {
    const text = render(createView(now, before));
    expect(text).toMatch(/parse +900 +60 +4 +2 h +5\.0 +█████░░░░░ 2\/4/);
    expect(text).toMatch(/ocr .*no worker/);
    expect(text).toContain("heartbeat   42 s   ! redis is not reached");
  });
});
