import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { type AlertCase, alertCases, idle } from "./support/alert-cases.js";
import { rulesFolder, run } from "./support/monitoring.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-rules-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const test = ({ series, at, count = 1 }: AlertCase, name: string) => ({
  name,
  interval: "1m",
  input_series: Object.entries({ ...idle, ...series }).map(([each, values]) => ({ series: each, values })),
  promql_expr_test: [
    {
      expr: `count by (alertname) (ALERTS{alertname="${name}", alertstate="firing"})`,
      eval_time: at,
      exp_samples: [{ labels: `{alertname="${name}"}`, value: count }],
    },
  ],
});

async function promtool(name: string, tests: unknown[]): Promise<string> {
  const file = join(folder, `${name}.yml`);
  const rules = (await readdir(rulesFolder)).map((each) => rulesFolder + each);
  await writeFile(file, stringify({ rule_files: rules, evaluation_interval: "1m", tests }));
  return run("promtool", ["test", "rules", file]);
}

describe("every alert, evaluated by promtool", () => {
  it("fires when it should", async () => {
    const all = Object.entries(alertCases).map(([name, each]) => test(each, name));
    expect(await promtool("fires", all)).toContain("SUCCESS");
  });

  it("is quiet while there is no traffic", async () => {
    const quiet = ["10m", "2h", "7h"].map((at) => ({
      expr: 'ALERTS{severity!="none"}',
      eval_time: at,
      exp_samples: [],
    }));
    const input = Object.entries(idle).map(([series, values]) => ({ series, values }));
    const said = await promtool("quiet", [{ interval: "1m", input_series: input, promql_expr_test: quiet }]);
    expect(said).toContain("SUCCESS");
  });

  it("is quiet in a backfill that goes well, however old its documents are", async () => {
    const backfill = {
      'sluice_queue_depth{stage="parse", state="waiting"}': "64x600",
      'sluice_queue_depth{stage="parse", state="backlog"}': "5000000-100x600",
      'sluice_oldest_job_age_seconds{stage="parse", workload="backfill"}': "0+60x600",
      'sluice_jobs_total{stage="parse", queue="parse", outcome="sealed"}': "0+100x600",
      'sluice_jobs_total{stage="parse", queue="parse", outcome="dead"}': "0+1x600",
      'sluice_searchable_total{service="embedder", workload="backfill", outcome="late"}': "0+100x600",
    };
    const input = Object.entries({ ...idle, ...backfill }).map(([series, values]) => ({ series, values }));
    const quiet = ["30m", "5h"].map((at) => ({ expr: 'ALERTS{severity!="none"}', eval_time: at, exp_samples: [] }));
    const said = await promtool("backfill", [{ interval: "1m", input_series: input, promql_expr_test: quiet }]);
    expect(said).toContain("SUCCESS");
  });
});
