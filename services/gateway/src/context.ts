import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { createEmbeddingProvider, type EmbeddingProvider, embeddingConfigs } from "@sluice/embeddings";
import { createProducer, createRequestLimits, type Producer } from "@sluice/queue";
import type { Logger, Metrics, ServiceTools } from "@sluice/runtime";
import { createStore, type Store } from "@sluice/store";
import { z } from "zod";
import { createAttempts } from "./auth/attempts.js";
import { type Authenticator, createAuthenticator } from "./auth/authenticate.js";
import { createPeople, type People } from "./auth/people.js";
import { createStandings, type Standings } from "./auth/standings.js";
import { createTokenVerifier } from "./auth/tokens.js";
import type { GatewayConfig } from "./config.js";
import { createEventStreams, type EventStreams } from "./events/event-stream.js";
import { createEventPoller, type EventPoller } from "./events/poller.js";
import { createLimits, type Limits } from "./http/limits.js";
import { createCaps } from "./uploads/caps.js";

/** What the routes work with. Built once and passed down. */
export interface GatewayContext {
  config: GatewayConfig;
  logger: Logger;
  metrics: Metrics;
  store: Store;
  producer: Pick<Producer, "enqueue" | "remove" | "nudge" | "onNudge" | "ready" | "destroy">;
  embeddings: Pick<EmbeddingProvider, "model" | "embed">;
  /** All models that are configured, the first before the next. */
  models: Pick<EmbeddingProvider, "model" | "embed">[];
  authenticate: Authenticator;
  people: People;
  /** Throws while the organization, or all together, have too much waiting. */
  admit: (organizationId: string) => Promise<void>;
  limits: Limits;
  poller: EventPoller;
  streams: EventStreams;
  standings: Standings;
  /** By which the audit names queries without repeating them. */
  auditKey: string;
  version: string;
  /** Closes what only the context holds. */
  destroy(): Promise<void>;
}
/** What tests may put in place of the real things. */
export type GatewayOverrides = Partial<Pick<GatewayContext, "store" | "producer" | "embeddings">>;

/** Of every rate limit, in seconds. */
const windowSeconds = 60;

const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)("../package.json"));

export function createContext(
  config: GatewayConfig,
  { logger, metrics }: ServiceTools,
  overrides: GatewayOverrides = {},
): GatewayContext {
  const store = overrides.store ?? createStore({ ...config.store, metrics });
  const producer =
    overrides.producer ?? createProducer({ redis: config.queue, prefix: config.queue.prefix, logger, metrics });
  const [first = createEmbeddingProvider(config.embedding), ...others] = embeddingConfigs(
    config.embedding,
    config.nextEmbedding,
  ).map(createEmbeddingProvider);
  const embeddings = overrides.embeddings ?? first;
  const quotas = {
    address: { points: config.rates.address, windowSeconds },
    key: { points: config.rates.key, windowSeconds },
    user: { points: config.rates.user, windowSeconds },
  };
  const limits = createRequestLimits({ redis: config.queue, prefix: config.queue.prefix, quotas });
  const verifyToken = createTokenVerifier({ supabaseUrl: config.store.url, ...config.tokens });
  return {
    config,
    logger,
    metrics,
    store,
    producer,
    embeddings,
    models: [embeddings, ...others],
    authenticate: createAuthenticator({ ...store, verifyToken, ...config.people }),
    people: createPeople({
      accounts: store.accounts,
      sessions: store.sessions,
      verifyToken,
      attempts: createAttempts({
        sessions: store.sessions,
        secretKey: config.store.secretKey,
        limits: config.people,
      }),
      config: config.people,
      logger,
    }),
    admit: createCaps(store, config.caps),
    limits: createLimits({ limits, quotas, refusedCost: config.rates.refusedCost }),
    poller: createEventPoller({ eventsSince: store.supervision.eventsSince, onNudge: producer.onNudge, logger }),
    streams: createEventStreams(),
    standings: createStandings({ refused: store.apiKeys.refused, logger }),
    auditKey: config.auditHashKey ?? randomBytes(32).toString("base64"),
    version,
    destroy: limits.destroy,
  };
}
