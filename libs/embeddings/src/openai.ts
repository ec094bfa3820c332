import { describeCode, type ErrorCode, SluiceError } from "@sluice/contracts";
import { withDeadline } from "@sluice/runtime";
import OpenAI from "openai";
import {
  AnsweredFailure,
  describeModel,
  type Embedded,
  type EmbeddingProvider,
  RateLimited,
  type StatedRates,
} from "./provider.js";

export interface OpenAiOptions {
  apiKey: string;
  /** Of anything that speaks the protocol: OpenAI, Azure OpenAI, vLLM, TEI, Ollama. */
  baseUrl: string | undefined;
  model: string;
  dimensions: number;
  /** Whether to ask for the dimensions: models of fixed size refuse the parameter. */
  sendDimensions: boolean;
  maxInputs: number;
  maxTokens: number;
  timeoutMs: number;
}

/** Shorter is no pause, and what lasts longer is better asked again: somebody may have raised the limit. */
const [shortestPauseMs, longestPauseMs] = [1_000, 600_000];
/** Somebody has to change the configuration, and restarts the services then. */
const misconfiguredMs = 60_000;

/** `retry-after-ms`, `retry-after` in seconds or as a date, within bounds; undefined when the provider does not say. */
function retryAfterMs(headers: Headers | undefined): number | undefined {
  const header = (name: string) => headers?.get(name)?.trim() || undefined;
  const ms = Number(header("retry-after-ms"));
  const text = header("retry-after") ?? "";
  const seconds = text === "" ? Number.NaN : Number(text);
  const said = [ms, seconds * 1_000, Date.parse(text) - Date.now()].find((value) => !Number.isNaN(value));
  return said === undefined ? undefined : Math.min(longestPauseMs, Math.max(shortestPauseMs, said));
}

/** "6m0s", "1.5s", "20ms": as a provider says when something is there again; milliseconds. */
function durationMs(text: string | undefined): number | undefined {
  const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  const parts = [...(text ?? "").matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined;
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ""] ?? 0), 0);
}

/** What the `x-ratelimit-*` headers say. */
function statedRates(headers: Headers | undefined): StatedRates {
  const header = (name: string) => headers?.get(`x-ratelimit-${name}`)?.trim() || undefined;
  const count = (name: string) => {
    const value = Number(header(name));
    return header(name) !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const stated: StatedRates = {};
  for (const what of ["requests", "tokens"] as const) {
    const limit = count(`limit-${what}`);
    if (limit !== undefined && limit > 0) stated[what] = limit;
    const remaining = count(`remaining-${what}`);
    if (remaining !== undefined) stated[what === "requests" ? "remainingRequests" : "remainingTokens"] = remaining;
    const resetMs = durationMs(header(`reset-${what}`));
    if (remaining === 0 && resetMs !== undefined)
      stated.resetMs = Math.min(longestPauseMs, Math.max(stated.resetMs ?? 0, resetMs));
  }
  return stated;
}

function classify(error: unknown): SluiceError {
  const { name } = (error ?? {}) as Partial<Error>;
  // An answer that is no JSON.
  if (name === "SyntaxError") return new SluiceError("embedding_answer_unreadable", { cause: error });
  if (name === "TimeoutError" || error instanceof OpenAI.APIConnectionTimeoutError)
    return new SluiceError("embedding_timeout", { cause: error });
  if (!(error instanceof OpenAI.APIError) || error.status === undefined)
    return new SluiceError(wasReached(error) ? "embedding_disconnected" : "embedding_unavailable", { cause: error });
  const wait = retryAfterMs(error.headers);
  // An exhausted quota is told as 429 too; either way it passes only by waiting or by somebody's paying.
  if (error.status === 429)
    return new RateLimited({ cause: error, retryAfterMs: wait, rates: statedRates(error.headers) });
  if (error.status === 401 || error.status === 403)
    return new SluiceError("embedding_unauthorized", { cause: error, retryAfterMs: misconfiguredMs });
  if (error.code === "model_not_found" || error.code === "DeploymentNotFound")
    return new SluiceError("embedding_model_unknown", { cause: error, retryAfterMs: misconfiguredMs });
  if (error.status === 404 || error.status === 405)
    return new SluiceError("embedding_not_found", { cause: error, retryAfterMs: misconfiguredMs });
  if (error.status === 400 || error.status === 413 || error.status === 422)
    return error.param === "dimensions"
      ? new SluiceError("embedding_dimensions_mismatch", { cause: error, retryAfterMs: misconfiguredMs })
      : new SluiceError("embedding_input_refused", { cause: error });
  if (error.status >= 500) return new AnsweredFailure({ cause: error, retryAfterMs: wait });
  return new SluiceError("embedding_unavailable", { cause: error, retryAfterMs: wait });
}

/** Whether there was a connection that broke off, rather than none: then the request may have been done, and be paid for. */
function wasReached(error: unknown): boolean {
  for (let each = error as { code?: unknown; cause?: unknown } | undefined, depth = 0; each && depth < 5; depth++) {
    if (each.code === "ECONNRESET" || each.code === "EPIPE" || each.code === "UND_ERR_SOCKET") return true;
    each = each.cause as typeof each;
  }
  return false;
}

/** Base64 of little-endian floats where the server honours `encoding_format`, numbers where it does not know it. */
function decode(embedding: unknown): Float32Array | undefined {
  if (Array.isArray(embedding)) return Float32Array.from(embedding);
  if (typeof embedding !== "string") return undefined;
  const bytes = Buffer.from(embedding, "base64");
  return bytes.length % 4 === 0
    ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    : undefined;
}

/** Puts the answer in order and checks it: the right number, the right size, finite, not zero. */
function check(answer: OpenAI.CreateEmbeddingResponse, inputs: number, dimensions: number): Embedded {
  const invalid = (code: ErrorCode, detail: string) =>
    new SluiceError(code, {
      cause: Object.assign(new Error("unusable vectors"), { code: detail }),
      ...(describeCode(code).kind === "outage" ? { retryAfterMs: misconfiguredMs } : {}),
    });
  if (!Array.isArray(answer?.data)) throw invalid("embedding_answer_unreadable", "SHAPE");
  const vectors = new Array<Float32Array | undefined>(inputs);
  for (const item of answer.data as (OpenAI.Embedding | null)[]) {
    const { index, embedding } = item ?? { index: -1, embedding: null };
    if (!Number.isInteger(index) || vectors[index] !== undefined || index < 0 || index >= inputs)
      throw invalid("embedding_count_mismatch", "INDEX");
    const vector = decode(embedding);
    if (vector === undefined) throw invalid("embedding_vector_invalid", "ENCODING");
    if (vector.length !== dimensions) throw invalid("embedding_dimensions_mismatch", "DIMENSIONS");
    if (!vector.every(Number.isFinite)) throw invalid("embedding_vector_invalid", "NOT_FINITE");
    if (vector.every((value) => value === 0)) throw invalid("embedding_vector_invalid", "ZERO");
    vectors[index] = vector;
  }
  const complete = vectors.filter((vector) => vector !== undefined);
  if (complete.length !== inputs) throw invalid("embedding_count_mismatch", "COUNT");
  return { vectors: complete, tokens: answer.usage?.total_tokens ?? 0 };
}

/** Embeddings by the OpenAI protocol. */
export function createOpenAiProvider(options: OpenAiOptions): EmbeddingProvider {
  // Retries belong to the pipeline, where they are counted and survive the process.
  const client = new OpenAI({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    timeout: options.timeoutMs,
    maxRetries: 0,
    logLevel: "off",
  });
  return {
    model: describeModel("openai", options.model, options.dimensions, false),
    limits: { inputs: options.maxInputs, tokens: options.maxTokens },
    isInstant: false,
    async embed(texts, { signal } = {}) {
      let answered: { data: OpenAI.CreateEmbeddingResponse; response: Response };
      try {
        // The SDK's timeout ends with the answer's head; this one covers the body as well.
        answered = await withDeadline(options.timeoutMs, signal, (within) =>
          client.embeddings
            .create(
              // A quarter of the bytes of numbers in JSON. Said here, the SDK leaves the decoding to us, which servers need that
              // answer in numbers all the same.
              {
                model: options.model,
                input: [...texts],
                encoding_format: "base64",
                ...(options.sendDimensions ? { dimensions: options.dimensions } : {}),
              },
              { signal: within },
            )
            .withResponse(),
        );
      } catch (error) {
        throw classify(error);
      }
      const checked = check(answered.data, texts.length, options.dimensions);
      return { ...checked, rates: statedRates(answered.response.headers) };
    },
  };
}
