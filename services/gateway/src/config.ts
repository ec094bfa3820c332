import { embeddingConfig, nextEmbeddingConfig } from "@sluice/embeddings";
import { queueConfig } from "@sluice/queue";
import { type ConfigOf, outboundConfig, variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const names = z
  .string()
  .default("")
  .transform((text) => text.split(/[\s,]+/).filter((name) => name !== ""));

export const gatewayConfig = {
  store: storeConfig,
  queue: queueConfig,
  embedding: embeddingConfig,
  nextEmbedding: nextEmbeddingConfig,
  http: {
    host: variable("HOST", z.string().default("127.0.0.1"), "Address the gateway listens on."),
    port: variable(
      "PORT",
      z.coerce.number().int().min(0).max(65535).default(8080),
      "Port of the gateway; 0 takes a free one.",
    ),
    trustProxy: variable(
      "TRUST_PROXY",
      names,
      "Addresses or networks of proxies whose X-Forwarded-For is believed (`loopback` is known); none unless given.",
    ),
    corsOrigins: variable("CORS_ORIGINS", names, "Origins that browsers may call from; none unless given."),
    requestSeconds: variable(
      "GATEWAY_REQUEST_SECONDS",
      z.coerce.number().int().min(10).max(3_000).default(1_800),
      "Longest a request may take to arrive. Stays under ORPHAN_GRACE_MS, after which stored files that nobody accepted are removed.",
    ),
    headersSeconds: variable(
      "GATEWAY_HEADERS_SECONDS",
      positive(20),
      "Longest a request's headers may take to arrive.",
    ),
    minBytesPerSecond: variable(
      "GATEWAY_MIN_BYTES_PER_SECOND",
      z.coerce.number().int().min(0).default(240),
      "A body that comes more slowly than this, on average, is refused with 408. Time in which the gateway does not read is not counted. 0: any may.",
    ),
    paceGraceSeconds: variable(
      "GATEWAY_PACE_GRACE_SECONDS",
      positive(30),
      "How long a body may come as slowly as it likes.",
    ),
    maxConnections: variable(
      "GATEWAY_MAX_CONNECTIONS",
      positive(10_000),
      "Connections held at once; more are closed as they come.",
    ),
    idleSeconds: variable(
      "GATEWAY_IDLE_SECONDS",
      positive(120),
      "A connection on which nothing moves for this long is closed.",
    ),
    recheckSeconds: variable(
      "GATEWAY_STREAM_RECHECK_SECONDS",
      z.coerce.number().int().min(1).max(30).default(15),
      "How often an open stream makes sure that its reader may still read.",
    ),
  },
  limits: {
    maxFileMb: variable("GATEWAY_MAX_FILE_MB", z.coerce.number().positive().default(100), "Largest file taken in."),
    maxFiles: variable("GATEWAY_MAX_FILES_PER_REQUEST", positive(100), "Files in one request, at most."),
    maxJsonKb: variable(
      "GATEWAY_MAX_JSON_KB",
      positive(256),
      "Largest JSON body, and largest field beside a file; all fields of a form together may hold four times that.",
    ),
  },
  rates: {
    address: variable(
      "RATE_LIMIT_ADDRESS",
      positive(60_000),
      "Requests a minute that are taken from one address (of IPv6: one /64 network).",
    ),
    key: variable("RATE_LIMIT_KEY", positive(30_000), "Requests a minute that are taken with one API key."),
    user: variable("RATE_LIMIT_USER", positive(1_200), "Requests a minute that are taken from one person."),
    refusedCost: variable(
      "RATE_LIMIT_REFUSED_COST",
      positive(100),
      "As how many requests a refused credential counts for its address.",
    ),
  },
  caps: {
    organizationBacklog: variable(
      "GATEWAY_CAP_ORGANIZATION_BACKLOG",
      positive(1_000_000),
      "Documents of one organization that may wait or be worked on; more are refused with 429.",
    ),
    organizationAgeSeconds: variable(
      "GATEWAY_CAP_ORGANIZATION_AGE_SECONDS",
      positive(259_200),
      "While an organization's oldest document has waited longer than this, more are refused with 429; what it paused itself is not counted.",
    ),
    backlog: variable(
      "GATEWAY_CAP_BACKLOG",
      positive(5_000_000),
      "Documents of all organizations that may wait or be worked on; more are refused with 503.",
    ),
    ageSeconds: variable(
      "GATEWAY_CAP_AGE_SECONDS",
      positive(259_200),
      "While the oldest document of all has waited longer than this, more are refused with 503.",
    ),
    freshMs: variable(
      "GATEWAY_CAP_FRESH_MS",
      positive(2_000),
      "How old what is known of the backlog may be; milliseconds. So much can come in on top of a cap.",
    ),
  },
  search: {
    exactBelow: variable(
      "SEARCH_EXACT_BELOW",
      z.coerce.number().int().min(0).max(1_000_000).default(20_000),
      "Up to so many passages to look through, vectors are compared one by one, even where their model has an index.",
    ),
    rerank: {
      url: variable(
        "RERANK_URL",
        z.url({ protocol: /^https?$/ }).optional(),
        "A cross-encoder's `/rerank`, to which the query and the best passages are sent; none unless given.",
        { wire: true },
      ),
      api: variable(
        "RERANK_API",
        z.enum(["cohere", "tei"]).default("cohere"),
        "What it speaks: `cohere` (also Jina, vLLM, Infinity) or `tei` (Text Embeddings Inference).",
      ),
      key: variable("RERANK_API_KEY", z.string().optional(), "Its bearer token, if it wants one.", { secret: true }),
      model: variable("RERANK_MODEL", z.string().optional(), "The model to name to it, if it wants one."),
      timeoutMs: variable(
        "RERANK_TIMEOUT_MS",
        positive(2_000),
        "Longest to wait for it, in milliseconds; the answer then comes as search ranked it.",
      ),
      depth: variable(
        "RERANK_DEPTH",
        z.coerce.number().int().min(2).max(100).default(50),
        "How many passages it puts in order.",
      ),
    },
  },
  webhooks: outboundConfig,
  window: variable(
    "IN_FLIGHT_WINDOW",
    positive(64),
    "Ingestions of one organization that may have a job in Redis at once, where it has no number of its own.",
  ),
  tokens: {
    secret: variable(
      "SUPABASE_JWT_SECRET",
      z.string().min(16).optional(),
      "Secret of tokens signed with HS256; others are checked with the keys Supabase publishes.",
      { secret: true },
    ),
    issuer: variable("SUPABASE_JWT_ISSUER", z.string().optional(), "What tokens must name as their issuer, if given."),
    audience: variable("SUPABASE_JWT_AUDIENCE", z.string().default("authenticated"), "Whom tokens must be meant for."),
  },
  people: {
    signUp: variable(
      "AUTH_SIGNUP",
      z.enum(["open", "closed"]).default("open"),
      "Whether people may sign up by themselves. An account alone gives access to nothing.",
    ),
    mfa: variable(
      "AUTH_MFA",
      z.enum(["required", "off"]).default("required"),
      "Whether owners and admins need a second factor (aal2). The embedded Supabase has none: there it is `off`.",
    ),
    idleSeconds: variable(
      "AUTH_IDLE_SECONDS",
      z.coerce.number().int().min(60).max(86_400).default(900),
      "After so long without a request a session is over.",
    ),
    sessionSeconds: variable(
      "AUTH_SESSION_SECONDS",
      z.coerce.number().int().min(60).max(2_592_000).default(43_200),
      "Longest a session lasts, however much it is used.",
    ),
    accountAttempts: variable(
      "AUTH_ATTEMPTS_PER_ACCOUNT",
      positive(10),
      "Failed tries to get into one account within AUTH_LOCK_SECONDS, after which it is locked for as long.",
    ),
    addressAttempts: variable(
      "AUTH_ATTEMPTS_PER_ADDRESS",
      positive(100),
      "The same by the address they come from (of IPv6, its /64).",
    ),
    lockSeconds: variable(
      "AUTH_LOCK_SECONDS",
      z.coerce.number().int().min(1).max(86_400).default(900),
      "Over how long tries are counted, and for how long too many lock.",
    ),
    answerMs: variable(
      "AUTH_ANSWER_MS",
      z.coerce.number().int().min(0).max(10_000).default(1_000),
      "When sign-up, reset and a failed login are answered, whoever exists; milliseconds.",
    ),
    redirectUrl: variable("AUTH_REDIRECT_URL", z.url().optional(), "Where the links in Supabase's mails lead back to."),
  },
  signedUrlSeconds: variable(
    "SIGNED_URL_SECONDS",
    z.coerce.number().int().min(10).max(3_600).default(120),
    "How long a link to an original works.",
  ),
  publicSupabaseUrl: variable(
    "SUPABASE_PUBLIC_URL",
    z.url().optional(),
    "Where people reach Supabase, when it is not SUPABASE_URL; links to originals begin with it.",
    { wire: true },
  ),
  auditHashKey: variable(
    "AUDIT_HASH_KEY",
    z.string().min(16).optional(),
    "Key of the hash by which the audit log names queries; one for the life of the process unless given.",
    { secret: true },
  ),
};
export type GatewayConfig = ConfigOf<typeof gatewayConfig>;
