import { type ErrorCode, SluiceError } from "@sluice/contracts";
import type { Metrics } from "@sluice/runtime";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import WebSocket from "ws";
import { z } from "zod";
import type { Database } from "./database.types.js";

type Functions = Database["public"]["Functions"];
export type FunctionName = keyof Functions & string;
/** Generated types don't know that SQL arguments may be null. */
type Args<N extends FunctionName> = { [K in keyof Functions[N]["Args"]]: Functions[N]["Args"][K] | null };

export interface StoreOptions {
  url: string;
  /** The secret key bypasses row-level security: every call made with it names the organization. */
  secretKey: string;
  /** Longest a call may take, in milliseconds. */
  timeoutMs?: number;
  /** Where the embedded Supabase on this machine keeps its objects: they are read from there. */
  objectsFolder?: string;
  /** Where calls are measured, by operation. */
  metrics?: Pick<Metrics, "supabaseDuration">;
}

type Outcome = "ok" | "refused" | "unavailable";

export interface Rpc {
  readonly client: SupabaseClient<Database>;
  /** Supabase's address, and what authenticates a request that supabase-js has no call for. */
  readonly endpoint: { url: string; headers: Record<string, string> };
  /** Measures a request that goes another way; `outcomeOf` says how its answer is to be counted. */
  measured<T>(operation: string, request: () => Promise<T>, outcomeOf: (answer: T) => Outcome): Promise<T>;
  /** Calls a function and checks its answer. Throws `database_unavailable` when the database can't be reached. */
  call<N extends FunctionName, T>(name: N, args: Args<N>, answer: z.ZodType<T>): Promise<T>;
}

/**
 * Errors that mean "not now": no answer, a gateway's 5xx, a 500 of somebody who is not PostgREST, and SQLSTATE classes 08 (connection), 40 (rolled back), 53 (resources),
 * 57 (shutting down, cancelled); PGRST0xx is PostgREST without its database.
 */
function isOutage(status: number, code: string | undefined): boolean {
  if (status >= 500 && (code ?? "") === "") return true;
  return status === 0 || [502, 503, 504, 520, 522, 524].includes(status) || /^(08|40|53|57|PGRST0)/.test(code ?? "");
}

export function createRpc(options: StoreOptions): Rpc {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const client = createClient<Database>(options.url, options.secretKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // supabase-js wants a WebSocket on Node 20 even where Realtime is not used.
    realtime: { transport: WebSocket as never },
    // Node's fetch keeps a whole body in memory while it may have to send it again elsewhere. Supabase redirects nothing.
    global: { fetch: (input, init) => fetch(input, { ...init, redirect: "error" }) },
  });
  const { url, secretKey } = options;
  async function measured<T>(
    operation: string,
    request: () => Promise<T>,
    outcomeOf: (answer: T) => Outcome,
  ): Promise<T> {
    const began = performance.now();
    let outcome: Outcome = "unavailable";
    try {
      const answer = await request();
      outcome = outcomeOf(answer);
      return answer;
    } finally {
      options.metrics?.supabaseDuration.observe({ operation, outcome }, (performance.now() - began) / 1_000);
    }
  }
  return {
    client,
    measured,
    endpoint: { url, headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` } },
    async call(name, args, answer) {
      const { data, error, status } = await measured(
        name,
        async () => client.rpc(name, args as never).abortSignal(AbortSignal.timeout(timeoutMs)),
        (each) => (each.error === null ? "ok" : isOutage(each.status, each.error.code) ? "unavailable" : "refused"),
      );
      if (error !== null) {
        const outage = isOutage(status, error.code);
        throw new SluiceError(outage ? "database_unavailable" : "internal_error", {
          cause: new DatabaseError(name, status, error.code),
        });
      }
      return parseAnswer(name, answer, data);
    },
  };
}

function parseAnswer<T>(name: string, schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new SluiceError("internal_error", { cause: new DatabaseError(name, 200, "ANSWER") });
}

/** Which call failed and how: the database's own message may quote values and is left behind. */
export class DatabaseError extends Error {
  readonly code: string;
  constructor(call: string, status: number, code: string | undefined) {
    super("database call failed");
    this.name = "DatabaseError";
    this.code = `${call}/${status}/${code ?? ""}`;
  }
}

export const reindexRefusals = [
  "reindex_model_unknown",
  "reindex_open",
  "reindex_needless",
  "reindex_not_possible",
] as const satisfies readonly ErrorCode[];

const Refusal = z.object({
  outcome: z.enum([
    "forbidden",
    "scopes_exceeded",
    "role_exceeded",
    "document_is_child",
    "subject_unknown",
    "last_owner",
    "invitation_invalid",
    ...reindexRefusals,
    "not_found",
    "batch_closed",
    "document_in_progress",
  ]),
});

/** Throws the request error an outcome stands for; other outcomes pass. */
export function refuse<T extends { outcome: string }>(answer: T): T {
  const refusal = Refusal.safeParse(answer);
  if (refusal.success) throw new SluiceError(refusal.data.outcome satisfies ErrorCode);
  return answer;
}
