import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { jobCatalog } from "@sluice/contracts";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Service } from "kubernetes-models/v1/Service";
import { build, type Manifest } from "./support/kustomize.js";
import { infra, readRules, run } from "./support/monitoring.js";

/** What validates a kind, and the type that its literals must have. */
const models = {
  Deployment: { model: Deployment, from: "kubernetes-models/apps/v1/Deployment" },
  Job: { model: Job, from: "kubernetes-models/batch/v1/Job" },
  NetworkPolicy: { model: NetworkPolicy, from: "kubernetes-models/networking.k8s.io/v1/NetworkPolicy" },
  PodDisruptionBudget: { model: PodDisruptionBudget, from: "kubernetes-models/policy/v1/PodDisruptionBudget" },
  ConfigMap: { model: ConfigMap, from: "kubernetes-models/v1/ConfigMap" },
  Service: { model: Service, from: "kubernetes-models/v1/Service" },
  ScaledObject: { model: ScaledObject, from: "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject" },
  ServiceMonitor: {
    model: ServiceMonitor,
    from: "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor",
  },
  PrometheusRule: {
    model: PrometheusRule,
    from: "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule",
  },
};
type Kind = keyof typeof models;

const folders = { base: "base", dev: "overlays/dev", prod: "overlays/prod" };
const built = Object.entries(folders).map(([name, folder]) => ({ name, manifests: build(`${infra}k8s/${folder}`) }));
const everything = built.flatMap(({ manifests }) => manifests);
const of = (kind: Kind, from = everything) => from.filter((each) => each.kind === kind);

const root = fileURLToPath(new URL("../../", import.meta.url));
let scratch: string;
beforeAll(async () => {
  // Where the compiler finds the models.
  scratch = await mkdtemp(join(root, "tests/dist/typed-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Writes manifests as literals of their types and compiles them: a field that a type does not have is refused. */
async function typecheck(name: string, manifests: Manifest[]): Promise<string> {
  const lines = manifests.map((each, i) => {
    const { from } = models[each.kind as Kind];
    return `import type { I${each.kind} as K${i} } from "${from}";\nexport const m${i}: K${i} = ${JSON.stringify(each)};`;
  });
  const file = join(scratch, `${name}.ts`);
  await writeFile(file, lines.join("\n"));
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--types", "", "--ignoreConfig"];
  return run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...flags, file], scratch);
}

describe("the Kubernetes manifests", () => {
  it("are of known kinds and valid to their typed models, in the base and in both overlays", () => {
    for (const each of everything) {
      const { model } = models[each.kind as Kind];
      expect(() => new model(each as never).validate()).not.toThrow();
    }
  });

  it("have no field that the models don't know", async () => {
    for (const { name, manifests } of built) await typecheck(name, manifests);
    const [deployment] = of("Deployment");
    const wrong = structuredClone(deployment) as Manifest;
    wrong.spec.template.spec.containers[0].readyProbe = wrong.spec.template.spec.containers[0].readinessProbe;
    await expect(typecheck("wrong", [wrong])).rejects.toThrow("readyProbe");
  });

  it("run nobody as root, with nothing writable but what is mounted, no rights and no token", () => {
    for (const { metadata, spec } of [...of("Deployment"), ...of("Job")]) {
      const pod = spec.template.spec;
      expect([metadata.name, pod.automountServiceAccountToken]).toEqual([metadata.name, false]);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
        expect(container.resources.limits.memory).toBeDefined();
        for (const { name } of container.volumeMounts)
          expect(pod.volumes.map((volume: { name: string }) => volume.name)).toContain(name);
      }
    }
  });

  it("probe, spread and protect every service, and give each time to finish its longest job", () => {
    const queues: Record<string, keyof typeof jobCatalog> = {
      parser: "parse",
      recogniser: "ocr",
      chunker: "chunk",
      embedder: "embed",
    };
    for (const { name: where, manifests } of built)
      for (const { metadata, spec } of of("Deployment", manifests)) {
        const pod = spec.template.spec;
        const [container] = pod.containers;
        for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"])
          expect(container[probe].httpGet.port).toBeDefined();
        expect(pod.topologySpreadConstraints).toHaveLength(2);
        const grace = Number(container.env.find((each: { name: string }) => each.name === "SHUTDOWN_GRACE_MS").value);
        expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(grace + 5_000);
        const queue = queues[metadata.name];
        if (queue !== undefined)
          expect([where, metadata.name, grace > jobCatalog[queue].timeoutMs]).toEqual([where, metadata.name, true]);
        const matches = (kind: Kind) => of(kind, manifests).filter((each) => each.metadata.name === metadata.name);
        expect(matches("PodDisruptionBudget")[0]?.spec.selector).toEqual(spec.selector);
        expect(matches("Service")[0]?.spec.selector).toEqual(spec.selector.matchLabels);
        expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      }
  });

  it("deny all traffic that is not named, and let only the gateway be called", () => {
    const policies = of("NetworkPolicy", built[0]?.manifests);
    expect(policies.find(({ metadata }) => metadata.name === "default-deny")?.spec).toEqual({
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
    });
    const called = policies.filter(({ spec }) =>
      spec.ingress?.some(({ ports }: { ports: { port: number }[] }) => ports.some(({ port }) => port !== 9464)),
    );
    expect(called.map(({ spec }) => spec.podSelector.matchLabels["app.kubernetes.io/component"])).toEqual(["gateway"]);
  });

  it("scale what has work, recognition to nothing, and no stage that somebody else throttles", () => {
    const scaled = of("ScaledObject", built[0]?.manifests);
    for (const { metadata, spec } of scaled)
      expect(of("Deployment").map((each) => each.metadata.name)).toContain(spec.scaleTargetRef.name ?? metadata.name);
    const find = (name: string) => scaled.find(({ metadata }) => metadata.name === name)?.spec;
    expect(find("recogniser").minReplicaCount).toBe(0);
    for (const {
      metadata: { query },
    } of find("embedder").triggers)
      expect(query).toContain("sluice_throttled_seconds_total");
    expect(find("supervisor")).toBeUndefined();
    for (const { spec } of of("ScaledObject", built[1]?.manifests)) expect(spec).toBeDefined();
    for (const { metadata } of of("ScaledObject", built[1]?.manifests))
      expect(metadata.annotations).toEqual({ "autoscaling.keda.sh/paused": "true" });
  });

  it("carry Prometheus' rules as they are, and scrape every service under the name that alerts know", () => {
    const [rules] = of("PrometheusRule");
    expect(rules?.spec.groups.flatMap((group: { rules: object[] }) => group.rules)).toHaveLength(readRules().length);
    const [monitor] = of("ServiceMonitor");
    expect(monitor?.spec.jobLabel).toBe("app.kubernetes.io/component");
    for (const { metadata, spec } of of("Service")) {
      expect(metadata.labels?.["app.kubernetes.io/component"]).toBe(metadata.name);
      expect(spec.ports.map(({ name }: { name: string }) => name)).toContain("metrics");
    }
  });

  it("are what the overlays change: replicas, images, settings and limits of scaling", () => {
    const prod = built[2]?.manifests ?? [];
    const parser = of("Deployment", prod).find(({ metadata }) => metadata.name === "parser");
    expect(parser?.metadata.namespace).toBe("sluice");
    expect(parser?.spec.template.spec.containers[0].image).toBe("registry.example/sluice/parser:0.1.0");
    expect(of("ScaledObject", prod).find(({ metadata }) => metadata.name === "parser")?.spec.maxReplicaCount).toBe(60);
    expect(of("ConfigMap", prod)[0]?.data?.IN_FLIGHT_WINDOW).toBe("256");
    const dev = of("Deployment", built[1]?.manifests);
    expect(dev.map(({ spec }) => spec.replicas)).toEqual([1, 1, 1, 1, 1, 1]);
  });
});
