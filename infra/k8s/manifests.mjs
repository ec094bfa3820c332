// The base of the Kubernetes manifests. `npm run docs` writes base/*.yaml from it, with the alerts and recording rules of infra/prometheus.
import { jobCatalog } from "@sluice/contracts";

const port = 9464;
const labels = (component) => ({ "app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": component });

/** Time to finish the longest job that a worker of these queues may have in hand. */
const graceSeconds = (queues) =>
  Math.ceil(Math.max(20_000, ...queues.map((queue) => jobCatalog[queue].timeoutMs)) / 1_000) + 5;

const services = [
  {
    name: "gateway",
    image: "gateway",
    queues: [],
    replicas: 2,
    cpu: "500m",
    memory: "1Gi",
    secrets: ["supabase-secret-key", "redis-url", "audit-hash-key"],
  },
  { name: "parser", image: "parser", queues: ["parse"], replicas: 2, cpu: "1", memory: "3Gi", scratch: "4Gi" },
  { name: "recogniser", image: "parser", queues: ["ocr"], replicas: 1, cpu: "1", memory: "3Gi", scratch: "4Gi" },
  { name: "chunker", image: "chunker", queues: ["chunk"], replicas: 1, cpu: "500m", memory: "1Gi" },
  { name: "embedder", image: "embedder", queues: ["embed"], replicas: 1, cpu: "500m", memory: "1Gi" },
  {
    name: "supervisor",
    image: "supervisor",
    queues: [],
    replicas: 2,
    cpu: "250m",
    memory: "512Mi",
    secrets: ["supabase-secret-key", "redis-url", "supabase-db-url"],
  },
];
const variables = {
  "supabase-secret-key": "SUPABASE_SECRET_KEY_FILE",
  "supabase-db-url": "SUPABASE_DB_URL_FILE",
  "redis-url": "REDIS_URL_FILE",
  "audit-hash-key": "AUDIT_HASH_KEY_FILE",
};

const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 1000,
  runAsGroup: 1000,
  fsGroup: 1000,
  seccompProfile: { type: "RuntimeDefault" },
};
const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};
const secretVolume = (secrets) => ({
  name: "secrets",
  secret: { secretName: "sluice", defaultMode: 0o440, items: secrets.map((key) => ({ key, path: key })) },
});
const get = (path, on) => ({ httpGet: { path, port: on } });

function deployment({
  name,
  image,
  queues,
  replicas,
  cpu,
  memory,
  scratch,
  secrets = ["supabase-secret-key", "redis-url"],
}) {
  const grace = graceSeconds(queues);
  const isGateway = name === "gateway";
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: labels(name) },
    spec: {
      replicas,
      selector: { matchLabels: labels(name) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: labels(name) },
        spec: {
          automountServiceAccountToken: false,
          securityContext: podSecurity,
          // Five seconds more than a service takes at most, and some.
          terminationGracePeriodSeconds: grace + 10,
          topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
            maxSkew: 1,
            topologyKey,
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: labels(name) },
          })),
          containers: [
            {
              name,
              image: `sluice/${image}:0.1.0`,
              envFrom: [{ configMapRef: { name: "sluice" } }],
              env: [
                { name: "HOST", value: "0.0.0.0" },
                { name: "METRICS_HOST", value: "0.0.0.0" },
                { name: "METRICS_PORT", value: String(port) },
                { name: "SHUTDOWN_GRACE_MS", value: String(grace * 1_000) },
                ...(scratch
                  ? [
                      { name: "PARSER_QUEUES", value: queues.join(",") },
                      { name: "PARSER_SCRATCH", value: "/scratch" },
                    ]
                  : []),
                ...secrets.map((key) => ({ name: variables[key], value: `/run/secrets/${key}` })),
              ],
              ports: [
                { name: "metrics", containerPort: port },
                ...(isGateway ? [{ name: "http", containerPort: 8080 }] : []),
              ],
              startupProbe: { ...get("/healthz", "metrics"), periodSeconds: 2, failureThreshold: 60 },
              livenessProbe: {
                ...get("/healthz", "metrics"),
                periodSeconds: 10,
                timeoutSeconds: 5,
                failureThreshold: 3,
              },
              // A gateway without Redis goes on taking documents in, and says so on its own port.
              readinessProbe: {
                ...get("/readyz", isGateway ? "http" : "metrics"),
                periodSeconds: 5,
                timeoutSeconds: 5,
                failureThreshold: 3,
              },
              resources: { requests: { cpu, memory }, limits: { memory } },
              securityContext: containerSecurity,
              volumeMounts: [
                { name: "tmp", mountPath: "/tmp" },
                { name: "secrets", mountPath: "/run/secrets", readOnly: true },
                ...(scratch ? [{ name: "scratch", mountPath: "/scratch" }] : []),
              ],
            },
          ],
          volumes: [
            { name: "tmp", emptyDir: { sizeLimit: "256Mi" } },
            secretVolume(secrets),
            ...(scratch ? [{ name: "scratch", emptyDir: { sizeLimit: scratch } }] : []),
          ],
        },
      },
    },
  };
}

const service = ({ name }) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, labels: labels(name) },
  spec: {
    selector: labels(name),
    // Only the gateway is called by others; of the rest Prometheus wants each pod.
    ...(name === "gateway" ? {} : { clusterIP: "None" }),
    ports: [
      ...(name === "gateway" ? [{ name: "http", port: 80, targetPort: "http" }] : []),
      { name: "metrics", port, targetPort: "metrics" },
    ],
  },
});

const disruptionBudget = ({ name }) => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name, labels: labels(name) },
  spec: { maxUnavailable: 1, selector: { matchLabels: labels(name) } },
});

const ofSluice = { matchLabels: { "app.kubernetes.io/name": "sluice" } };
const namespace = (name) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } });
const tcp = (...ports) => ports.map((each) => ({ protocol: "TCP", port: each }));
const policy = (name, podSelector, spec) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, labels: { "app.kubernetes.io/name": "sluice" } },
  spec: { podSelector, ...spec },
});
const policies = [
  policy("default-deny", {}, { policyTypes: ["Ingress", "Egress"] }),
  policy("names", ofSluice, {
    policyTypes: ["Egress"],
    egress: [
      {
        to: [namespace("kube-system")],
        ports: [
          { protocol: "UDP", port: 53 },
          { protocol: "TCP", port: 53 },
        ],
      },
    ],
  }),
  policy("metrics", ofSluice, {
    policyTypes: ["Ingress"],
    ingress: [{ from: [namespace("monitoring")], ports: tcp(port) }],
  }),
  policy(
    "callers",
    { matchLabels: labels("gateway") },
    {
      policyTypes: ["Ingress"],
      ingress: [{ from: [namespace("ingress")], ports: tcp(8080) }],
    },
  ),
  // Supabase and a provider of embeddings by TLS, and Redis. Narrow it to their addresses where they are known.
  policy("dependencies", ofSluice, { policyTypes: ["Egress"], egress: [{ ports: tcp(443, 6379) }] }),
  policy(
    "database",
    { matchLabels: labels("supervisor") },
    { policyTypes: ["Egress"], egress: [{ ports: tcp(5432) }] },
  ),
  policy("migrate", { matchLabels: labels("migrate") }, { policyTypes: ["Egress"], egress: [{ ports: tcp(5432) }] }),
];

const prometheus = "http://prometheus-operated.monitoring:9090";
const trigger = (query, threshold) => ({
  type: "prometheus",
  metadata: { serverAddress: prometheus, query, threshold: String(threshold) },
});
const waiting = (stage) => `sum(stage_state:sluice_queue_depth:max{stage="${stage}", state=~"backlog|waiting"})`;
const oldest = (stage) =>
  `max(stage_workload:sluice_oldest_job_age_seconds:max{stage="${stage}", workload="interactive"})`;
// More embedders share the provider's limits and wait longer: while it throttles, or is out, there is nothing to scale for.
const unthrottled = (query) =>
  `(${query}) unless on () (sum(rate(sluice_throttled_seconds_total[5m])) > 0.1 or max(sluice_circuit_breakers_open{queue="embed", cause="embedding"}) > 0)`;
const scaled = (name, [least, most], triggers) => ({
  apiVersion: "keda.sh/v1alpha1",
  kind: "ScaledObject",
  metadata: { name, labels: labels(name) },
  spec: {
    scaleTargetRef: { name },
    minReplicaCount: least,
    maxReplicaCount: most,
    pollingInterval: 15,
    cooldownPeriod: 300,
    advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 300 } } } },
    triggers,
  },
});
const scaledObjects = [
  scaled("gateway", [2, 10], [{ type: "cpu", metricType: "Utilization", metadata: { value: "70" } }]),
  scaled("parser", [2, 20], [trigger(waiting("parse"), 200), trigger(oldest("parse"), 30)]),
  scaled("recogniser", [0, 20], [trigger(waiting("ocr"), 20), trigger(oldest("ocr"), 120)]),
  scaled("chunker", [1, 4], [trigger(waiting("chunk"), 1000), trigger(oldest("chunk"), 30)]),
  scaled("embedder", [1, 6], [trigger(unthrottled(waiting("embed")), 1000), trigger(unthrottled(oldest("embed")), 30)]),
];

const monitor = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "ServiceMonitor",
  metadata: { name: "sluice", labels: { "app.kubernetes.io/name": "sluice" } },
  // Alerts tell services apart by the name of the job.
  spec: {
    jobLabel: "app.kubernetes.io/component",
    selector: ofSluice,
    endpoints: [{ port: "metrics", interval: "15s" }],
  },
};

const migrate = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "migrate", labels: labels("migrate") },
  spec: {
    backoffLimit: 5,
    ttlSecondsAfterFinished: 3600,
    template: {
      metadata: { labels: labels("migrate") },
      spec: {
        automountServiceAccountToken: false,
        restartPolicy: "OnFailure",
        securityContext: podSecurity,
        containers: [
          {
            name: "migrate",
            image: "sluice/whole:0.1.0",
            command: [
              "sh",
              "-c",
              'SUPABASE_DB_URL="$(cat /run/secrets/supabase-db-url)" exec node apps/cli/dist/main.js migrate',
            ],
            env: [{ name: "SLUICE_HOME", value: "/tmp/sluice" }],
            resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "512Mi" } },
            securityContext: containerSecurity,
            volumeMounts: [
              { name: "tmp", mountPath: "/tmp" },
              { name: "secrets", mountPath: "/run/secrets", readOnly: true },
            ],
          },
        ],
        volumes: [{ name: "tmp", emptyDir: {} }, secretVolume(["supabase-db-url"])],
      },
    },
  },
};

const config = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "sluice", labels: { "app.kubernetes.io/name": "sluice" } },
  data: { SUPABASE_URL: "https://supabase.example", LOG_LEVEL: "info" },
};

/** File by file. `groups`: of Prometheus' rule files. */
export function manifests(groups) {
  const rules = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "sluice", labels: { "app.kubernetes.io/name": "sluice" } },
    spec: { groups },
  };
  const files = {
    "config.yaml": [config],
    "deployments.yaml": services.map(deployment),
    "services.yaml": services.map(service),
    "disruption-budgets.yaml": services.map(disruptionBudget),
    "network-policies.yaml": policies,
    "scaled-objects.yaml": scaledObjects,
    "monitoring.yaml": [monitor, rules],
    "migrate.yaml": [migrate],
  };
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    namespace: "sluice",
    resources: Object.keys(files),
  };
  return { "kustomization.yaml": [kustomization], ...files };
}
