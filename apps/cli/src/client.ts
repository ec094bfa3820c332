import { setTimeout as sleep } from "node:timers/promises";
import {
  AuditEntry,
  Batch,
  DeadLetter,
  Document,
  DocumentEvent,
  Ledger,
  list,
  Me,
  Problem,
  Receipt,
  SearchAnswer,
  Why,
} from "@sluice/contracts";
import { z } from "zod";
import { CommandError, exitCodes } from "./exit-codes.js";
import { localStack } from "./home.js";

export interface ConnectOptions {
  url?: string;
  key?: string;
}

/** An answer that is not a success. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfterMs: number | undefined,
    readonly receipts: Receipt[] | undefined,
  ) {
    super(`${problem.title} ${problem.advice}`);
    this.name = "ProblemError";
  }
}

export interface CallOptions {
  method?: string;
  json?: unknown;
  body?: ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
  idempotencyKey?: string;
  signal?: AbortSignal;
}

const Config = z
  .object({ limits: z.object({ maxFileBytes: z.number(), maxFilesPerRequest: z.number() }).loose() })
  .loose();
export const Receipts = z.object({ documents: z.array(Receipt) });
const Findings = z.object({
  ledger: Ledger,
  findings: z
    .array(z.object({ finding: z.string(), ingestionId: z.string(), documentId: z.string(), at: z.string() }))
    .optional(),
});
const EventPage = list(DocumentEvent);
const DeadLetterPage = list(DeadLetter);
const AuditPage = list(AuditEntry);
const Readiness = z.object({ status: z.string(), dependencies: z.record(z.string(), z.boolean()) });

const outages = new Set([502, 503, 504]);
/** Refused for now, or waiting for the first one of the same key; another conflict stays one however often it is tried. */
const isForNow = ({ status, code }: Problem) =>
  outages.has(status) || status === 408 || status === 429 || code === "idempotency_in_progress";
const isOutage = (error: unknown) => !(error instanceof ProblemError) || outages.has(error.problem.status);

/** The HTTP API, as the commands need it. */
export class Client {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  /** Told once when calls that persist begin to wait for the service, and once when it is back. */
  onOutage: ((lost: boolean) => void) | undefined;
  #waits = 0;

  async call<T>(path: string, answer: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    const headers: Record<string, string> = { "x-api-key": this.key, ...options.headers };
    if (options.json !== undefined) headers["content-type"] = "application/json";
    if (options.idempotencyKey !== undefined) headers["idempotency-key"] = options.idempotencyKey;
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    const response = await fetch(new URL(path, this.url), {
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body,
      signal: options.signal,
      // For a redirect fetch would keep the whole body to send it again; a body that is streamed can't be followed by one.
      ...(options.body === undefined ? {} : { duplex: "half", redirect: "error" }),
    } as RequestInit);
    const text = await response.text();
    if (response.ok) return answer.parse(text === "" ? {} : JSON.parse(text));
    // A proxy's page about an outage is no JSON.
    const value = jsonOrUndefined(text);
    const problem = Problem.safeParse(value);
    const fallback = {
      type: "about:blank",
      title: `HTTP ${response.status}.`,
      status: response.status,
      code: "unknown",
      advice: "",
    };
    const after = Number(response.headers.get("retry-after") ?? Number.NaN);
    const receipts = Receipts.safeParse(value);
    throw new ProblemError(
      problem.success ? problem.data : fallback,
      Number.isFinite(after) ? after * 1_000 : undefined,
      receipts.success ? receipts.data.documents : undefined,
    );
  }

  /** Calls until there is an answer: outages and refusals for now are waited out, as long as the service says or longer each time. */
  async persist<T>(
    attempt: () => Promise<T>,
    options: { tries?: number; onWait?: (ms: number) => void } = {},
  ): Promise<T> {
    let waits = false;
    for (let tries = 1; ; tries++) {
      try {
        const answer = await attempt();
        if (waits) this.#waiting(-1);
        return answer;
      } catch (error) {
        const now = error instanceof ProblemError ? isForNow(error.problem) : isNetworkError(error);
        if (!now || tries >= (options.tries ?? 60)) {
          if (waits) this.#waits -= 1;
          throw error;
        }
        // One failure alone is no outage worth a word; a service that refuses for now is there.
        if (waits ? !isOutage(error) : tries > 1 && isOutage(error)) {
          waits = !waits;
          this.#waiting(waits ? 1 : -1);
        }
        const wait =
          (error instanceof ProblemError ? error.retryAfterMs : undefined) ??
          Math.min(10_000, 250 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2);
        options.onWait?.(wait);
        await sleep(wait);
      }
    }
  }

  /** Calls that wait for the service at this moment: the first one to wait says so, and the last one to go on. */
  #waiting(change: 1 | -1): void {
    const before = this.#waits;
    this.#waits += change;
    if (before === 0 || this.#waits === 0) this.onOutage?.(change === 1);
  }

  config = () => this.call("/v1/config", Config);
  me = () => this.call("/v1/me", Me);
  ready = () => this.call("/readyz", Readiness);
  createBatch = (name: string, idempotencyKey: string) =>
    this.call("/v1/batches", Batch, { json: { name }, idempotencyKey });
  batch = (id: string) => this.call(`/v1/batches/${id}`, Batch);
  batches = () => this.call("/v1/batches?limit=10", list(Batch));
  sealBatch = (id: string, expected: number) => this.call(`/v1/batches/${id}/seal`, Batch, { json: { expected } });
  document = (id: string) => this.call(`/v1/documents/${id}`, Document);
  query = (filter: object, cursor?: string) =>
    this.call("/v1/documents/query", list(Document), {
      json: { filter, limit: 200, ...(cursor === undefined ? {} : { cursor }) },
    });
  search = (request: object) => this.call("/v1/search", SearchAnswer, { json: request });
  ledger = (check: boolean) => this.call(`/v1/ledger${check ? "?check=1" : ""}`, Findings);

  why = (id: string) => this.call(`/v1/documents/${encodeURIComponent(id)}/why`, Why);

  /** Dead letters, newest first, page by page. */
  deadLetters = (query: Record<string, unknown>) => this.#pages("/v1/dead-letters", DeadLetterPage, query);
  /** Audit entries, newest first, page by page. */
  audit = (query: Record<string, unknown>, limit: number) => this.#pages("/v1/audit", AuditPage, { ...query, limit });

  async *#pages<T>(
    path: string,
    schema: z.ZodType<{ items: T[]; nextCursor: string | null }>,
    query: Record<string, unknown>,
  ): AsyncGenerator<T> {
    let cursor: string | null = null;
    do {
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries({ ...query, cursor }))
        if (value !== undefined && value !== null) search.set(name, String(value));
      const page: { items: T[]; nextCursor: string | null } = await this.call(`${path}?${search}`, schema);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** A document's timeline, also of one that is deleted. */
  async *events(id: string): AsyncGenerator<DocumentEvent> {
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: z.infer<typeof EventPage> = await this.persist(() =>
        this.call(`/v1/documents/${id}/events?limit=500${query}`, EventPage),
      );
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Every document a filter finds, page by page. */
  async *documents(filter: object): AsyncGenerator<Document> {
    let cursor: string | undefined;
    do {
      const page = await this.persist(() => this.query(filter, cursor));
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isNetworkError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name));
}

/** The service to talk to: options, then SLUICE_URL and SLUICE_API_KEY, then the local stack. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const local = await localStack();
  const url = options.url ?? process.env.SLUICE_URL ?? local?.gatewayUrl;
  // The local stack's key is for the local stack: it is not shown to another address.
  const key = options.key ?? process.env.SLUICE_API_KEY ?? (url === local?.gatewayUrl ? local?.apiKey : undefined);
  if (url === undefined || key === undefined) {
    throw new CommandError(
      "No service to talk to: start one with `npm start`, or give --url and --key (SLUICE_URL, SLUICE_API_KEY).",
      exitCodes.unreachable,
    );
  }
  return new Client(url, key);
}
