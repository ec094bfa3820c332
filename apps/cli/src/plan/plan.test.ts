import { describe, expect, it } from "@jest/globals";
import { estimate, type Task } from "./estimate.js";
import { measuredTimes, shippedTimes } from "./service-times.js";
import { simulate } from "./simulate.js";

const task: Task = {
  documents: 5_000_000,
  pagesPerDocument: 4,
  scanned: 0.2,
  deadlineSeconds: 30 * 86_400,
  dimensions: 1_536,
  slots: { parser: 2, recogniser: 1, chunker: 4, embedder: 32 },
  tokensPerMinute: null,
  usdPerMillionTokens: 0.02,
};

describe("a plan", () => {
  it("has as many workers as the work takes at seven tenths of what they can do, and no more", () => {
    const { stages } = estimate(task, shippedTimes);
    for (const [name, { documents, secondsPerDocument, workers }] of Object.entries(stages)) {
      const needed = (documents * secondsPerDocument) / (task.deadlineSeconds * task.slots[name as "parser"]);
      expect([name, workers * 0.7 >= needed, (workers - 1) * 0.7 < needed]).toEqual([name, true, true]);
    }
    expect(stages.recogniser.documents).toBe(1_000_000);
    expect(stages.recogniser.workers).toBeGreaterThan(stages.parser.workers);
  });

  it("needs twice the work's workers for twice the documents, and no recogniser without scans", () => {
    const once = estimate({ ...task, deadlineSeconds: 86_400 }, shippedTimes);
    const twice = estimate({ ...task, deadlineSeconds: 86_400, documents: 10_000_000 }, shippedTimes);
    expect(Math.abs(twice.stages.recogniser.workers - 2 * once.stages.recogniser.workers)).toBeLessThanOrEqual(1);
    expect(twice.usd).toBeCloseTo(2 * once.usd);
    expect(twice.vectorIndexGb).toBeCloseTo(2 * once.vectorIndexGb);
    expect(estimate({ ...task, scanned: 0 }, shippedTimes).stages.recogniser.workers).toBe(0);
  });

  it("says when the provider's limit is what makes it impossible", () => {
    const { tokensPerMinute } = estimate(task, shippedTimes);
    expect(estimate({ ...task, tokensPerMinute: tokensPerMinute * 1.01 }, shippedTimes).impossible).toBeNull();
    expect(estimate({ ...task, tokensPerMinute: tokensPerMinute / 2 }, shippedTimes).impossible).toContain("60.0 days");
  });

  it("is met when it is simulated document by document, with stages as busy as they were planned to be", () => {
    const tight = { ...task, documents: 100_000, deadlineSeconds: 6 * 3_600 };
    const plan = estimate(tight, shippedTimes);
    const { seconds, busy } = simulate(tight, plan);
    expect(seconds).toBeLessThanOrEqual(tight.deadlineSeconds);
    for (const share of Object.values(busy)) expect(share).toBeLessThanOrEqual(1);
    expect(Math.max(...Object.values(busy))).toBeGreaterThan(0.9);
    expect(simulate(tight, plan)).toEqual({ seconds, busy });
  });

  it("is not met by fewer workers: the simulation is no echo of the plan", () => {
    const tight = { ...task, documents: 100_000, deadlineSeconds: 6 * 3_600 };
    const plan = estimate(tight, shippedTimes);
    plan.stages.recogniser.workers = Math.floor(plan.stages.recogniser.workers / 2);
    expect(simulate(tight, plan).seconds).toBeGreaterThan(tight.deadlineSeconds);
  });

  it("comes, for one stage with one slot, to the sum of the service times", () => {
    const one: Task = {
      ...task,
      documents: 20_000,
      scanned: 0,
      slots: { parser: 1, recogniser: 1, chunker: 1, embedder: 1 },
    };
    const plan = estimate(one, {
      ...shippedTimes,
      parsePerDocument: 1,
      parsePerPage: 0,
      chunkPerDocument: 1e-9,
      embedPerDocument: 1e-9,
    });
    plan.stages.parser.workers = 1;
    const { seconds } = simulate(one, plan);
    expect(Math.abs(seconds / 20_000 - 1)).toBeLessThan(0.03);
  });
});

describe("service times", () => {
  const metrics = (jobs: number) => `# HELP sluice_job_duration_seconds Time a job was worked on.
sluice_job_duration_seconds_sum{stage="parse",queue="parse",workload="backfill",service="parser"} ${jobs * 0.5}
sluice_job_duration_seconds_count{stage="parse",queue="parse",workload="backfill",service="parser"} ${jobs}
sluice_job_duration_seconds_sum{stage="chunk",queue="chunk",workload="backfill",service="chunker"} ${jobs * 0.03}
sluice_job_duration_seconds_count{stage="chunk",queue="chunk",workload="backfill",service="chunker"} ${jobs}
sluice_pages_parsed_total{format="pdf",service="parser"} ${jobs * 2}`;

  it("are measured where a stage did enough, and shipped otherwise", () => {
    const { times, measured } = measuredTimes([metrics(400), metrics(400)]);
    expect(measured.sort()).toEqual(["chunkPerDocument", "parsePerDocument", "parsePerPage"]);
    expect(times.chunkPerDocument).toBeCloseTo(0.03);
    expect(times.parsePerDocument + 2 * times.parsePerPage).toBeCloseTo(0.5);
    expect(times.embedPerDocument).toBe(shippedTimes.embedPerDocument);
    expect(measuredTimes([metrics(10)]).measured).toEqual([]);
    expect(measuredTimes([]).times).toEqual(shippedTimes);
  });
});
