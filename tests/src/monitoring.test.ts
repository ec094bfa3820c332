import { readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { describeMetrics } from "@sluice/runtime";
import { alertCases } from "./support/alert-cases.js";
import { alerts, infra, readDashboards, readRules, run } from "./support/monitoring.js";

describe("what Prometheus and Alertmanager are configured with", () => {
  it("is well-formed to their own tools", async () => {
    await run("promtool", ["check", "config", "prometheus.yml"], `${infra}prometheus`);
    await run("amtool", ["check-config", `${infra}prometheus/alertmanager.yml`]);
  });

  it("names records level:metric:operation, and gives each alert a severity, a summary and a runbook link", () => {
    for (const { record } of readRules())
      if (record !== undefined) expect(record).toMatch(/^[a-z_]+:[a-z_]+:[a-z0-9_]+$/);
    for (const { alert, labels, annotations } of alerts()) {
      expect([alert, labels?.severity]).toEqual([alert, expect.stringMatching(/^(page|ticket|none)$/)]);
      if (labels?.severity !== "none")
        expect([alert, labels?.kind]).toEqual([alert, expect.stringMatching(/^(cause|symptom|alone)$/)]);
      expect([alert, annotations?.summary]).toEqual([alert, expect.stringMatching(/\.$/)]);
      expect(annotations?.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    }
  });

  it("asks for nothing that no service declares", () => {
    const declared = new Set(
      describeMetrics().flatMap(({ name, kind }) =>
        kind === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const recorded = new Set(readRules().flatMap(({ record }) => record ?? []));
    const asked = [
      ...readRules().map(({ expr }) => expr),
      ...readDashboards().flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))),
    ].flatMap((expr) => expr.replace(/"[^"]*"/g, "").match(/[a-z_]+:[a-z_]+:[a-z0-9_]+|\bsluice_[a-z_]+/g) ?? []);
    expect(asked.filter((name) => !declared.has(name) && !recorded.has(name))).toEqual([]);
  });
});

describe("every alert", () => {
  it("has a case that makes it fire", () => {
    expect(Object.keys(alertCases).sort()).toEqual(
      alerts()
        .map(({ alert }) => alert)
        .sort(),
    );
  });
});

describe("the runbook", () => {
  it("has an entry for every alert, with what it means, how to see it, what to do and how to know it is over, and for nothing else", async () => {
    const text = await readFile(`${infra}../docs/runbook.md`, "utf8");
    const [entries = ""] = text.split("# The usual work");
    const found = entries.split(/^## /m).slice(1);
    expect(found.map((entry) => entry.split("\n")[0]).sort()).toEqual(
      alerts()
        .map(({ alert }) => alert)
        .sort(),
    );
    for (const entry of found)
      expect(entry.match(/^\*\*[^*]+\*\*/gm)).toEqual(["**Means.**", "**See.**", "**Do.**", "**Over when.**"]);
  });

  it("links only to headings that are there", async () => {
    const text = await readFile(`${infra}../docs/runbook.md`, "utf8");
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"));
    for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});

describe("every panel", () => {
  const panels = readDashboards().flatMap((dashboard) => dashboard.panels.map((panel) => ({ dashboard, panel })));

  it("has a unit, a sentence, a place of its own and a query with a name for its lines", () => {
    expect(new Set(readDashboards().map(({ uid }) => uid)).size).toBe(5);
    for (const { dashboard, panel } of panels) {
      const where = `${dashboard.title}: ${panel.title}`;
      expect([where, panel.fieldConfig.defaults.unit]).toEqual([where, expect.stringMatching(/^\w+$/)]);
      expect([where, panel.description]).toEqual([where, expect.stringMatching(/^[A-Z].*\.$/)]);
      expect(["timeseries", "stat", "gauge"]).toContain(panel.type);
      expect(panel.datasource).toEqual({ type: "prometheus", uid: "sluice-prometheus" });
      expect(panel.targets.length).toBeGreaterThan(0);
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
    }
    for (const { panels: all } of readDashboards()) {
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      const overlaps = all.filter((a) =>
        all.some(
          ({ id, gridPos: b }) =>
            id !== a.id &&
            a.gridPos.x < b.x + b.w &&
            b.x < a.gridPos.x + a.gridPos.w &&
            a.gridPos.y < b.y + b.h &&
            b.y < a.gridPos.y + a.gridPos.h,
        ),
      );
      expect(overlaps.map(({ title }) => title)).toEqual([]);
    }
  });
});
