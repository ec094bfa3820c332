import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { chunkerConfig, createChunker } from "@sluice/chunker";
import { createEmbedder, embedderConfig } from "@sluice/embedder";
import { startTestRedis, startTestSupabase, type TestRedis, type TestSupabase } from "@sluice/local";
import { createParser, parserConfig } from "@sluice/parser";
import { createProducer, type Producer, queueConfig } from "@sluice/queue";
import {
  type ConfigDefinition,
  type ConfigOf,
  createLogger,
  createMetrics,
  type Metrics,
  readConfig,
  type Service,
  type ServiceTools,
} from "@sluice/runtime";
import { type Acceptance, allScopes, createStore, type Scope, type Store, type StoredUpload } from "@sluice/store";
import { createSupervisor, supervisorConfig } from "@sluice/supervisor";

export type StageName = "parser" | "chunker" | "embedder" | "supervisor";

/** A Redis and a Supabase of the test file's own, and the services in this process, started and stopped one by one. */
export interface Pipeline {
  redis: TestRedis;
  supabase: TestSupabase;
  store: Store;
  producer: Producer;
  /** What the services have logged. */
  logs: string[];
  metrics: Metrics;
  env: Record<string, string>;
  organization(name?: string): Promise<Scope>;
  start(...names: StageName[]): Promise<Service[]>;
  stop(service: Service): Promise<void>;
  /** Stores and accepts bytes, as the gateway does; enqueues what the database says. */
  submit(
    scope: Scope,
    bytes: string | Buffer,
    more?: Partial<StoredUpload>,
    options?: { enqueue?: boolean },
  ): Promise<Extract<Acceptance, { documentId: string }>>;
  /** Returns when nothing of the organization is in flight. */
  drain(scope: Scope): Promise<void>;
  destroy(): Promise<void>;
}

const definitions = {
  parser: parserConfig,
  chunker: chunkerConfig,
  embedder: embedderConfig,
  supervisor: supervisorConfig,
};

export async function createPipeline(overrides: Record<string, string> = {}): Promise<Pipeline> {
  const [redis, supabase, scratch] = await Promise.all([
    startTestRedis(),
    startTestSupabase(),
    mkdtemp(join(tmpdir(), "sluice-scratch-")),
  ]);
  const logs: string[] = [];
  const logger = createLogger("test", {
    level: "debug",
    destination: { write: (line: string) => void logs.push(line) },
  });
  const metrics = createMetrics("test");
  const env = {
    SUPABASE_URL: supabase.url,
    SUPABASE_SECRET_KEY: supabase.secretKey,
    REDIS_URL: redis.url,
    QUEUE_PREFIX: `t${randomUUID().slice(0, 8)}`,
    PARSER_SCRATCH: scratch,
    IN_FLIGHT_WINDOW: "64",
    DISPATCH_INTERVAL_MS: "100",
    RECONCILE_INTERVAL_MS: "200",
    RECONCILE_GRACE_MS: "500",
    SWEEP_INTERVAL_MS: "500",
    HEARTBEAT_INTERVAL_MS: "0",
    ...overrides,
  };
  const store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  const producer = createProducer({ redis: readConfig(queueConfig, env), prefix: env.QUEUE_PREFIX, logger, metrics });
  const services = new Set<Service>();
  let made = 0;

  function create(name: StageName): Service {
    made += 1;
    const tools: ServiceTools = {
      logger,
      metrics,
      worker: `${name}-${made}`,
      graceMs: Number(overrides.SHUTDOWN_GRACE_MS ?? 10_000),
    };
    const config = <D extends ConfigDefinition>(definition: D): ConfigOf<D> => readConfig(definition, env);
    if (name === "parser") return createParser(config(definitions.parser), tools);
    if (name === "chunker") return createChunker(config(definitions.chunker), tools);
    if (name === "embedder") return createEmbedder(config(definitions.embedder), tools);
    return createSupervisor(config(definitions.supervisor), tools);
  }

  return {
    redis,
    supabase,
    store,
    producer,
    logs,
    metrics,
    env,
    async organization(name = "test") {
      const { id: organizationId } = await store.tenancy.createOrganization({ name });
      const { id } = await store.apiKeys.asOperator.create({ organizationId, name, scopes: allScopes });
      return { organizationId, caller: { kind: "api_key", id } };
    },
    async start(...names) {
      const started = names.map(create);
      await Promise.all(
        started.map(async (service) => {
          await service.start().catch(async (error: unknown) => {
            await service.destroy();
            throw error;
          });
          services.add(service);
        }),
      );
      return started;
    },
    async stop(service) {
      services.delete(service);
      await service.destroy();
    },
    async submit(scope, bytes, more = {}, options = {}) {
      const buffer = Buffer.from(bytes);
      const objectPath = `${scope.organizationId}/${randomUUID()}`;
      await store.objects.upload(objectPath, Readable.from([buffer]), "application/octet-stream");
      const upload: StoredUpload = {
        objectPath,
        contentHash: createHash("sha256").update(buffer).digest("hex"),
        byteLength: buffer.length,
        declaredType: null,
        mediaType: "text/plain",
        fileName: "note.txt",
        ...more,
      };
      const [answer] = await store.intake.accept(scope, [upload], Number(env.IN_FLIGHT_WINDOW));
      if (answer === undefined || !("documentId" in answer)) throw new Error(`not accepted: ${answer?.outcome}`);
      if (answer.job !== null && options.enqueue !== false) await producer.enqueue([answer.job]);
      return answer;
    },
    async drain(scope) {
      for (;;) {
        // On a busy machine a look may take longer than a call is given.
        const ledger = await store.supervision.ledger(scope.organizationId).catch(() => undefined);
        if (ledger?.inFlight === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async destroy() {
      await Promise.all([...services].map((service) => service.destroy()));
      await producer.destroy();
      await Promise.all([redis.destroy(), supabase.destroy()]);
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
