import { SluiceError } from "@sluice/contracts";
import { withDeadline } from "@sluice/runtime";
import OpenAI from "openai";
import { AnsweredFailure, describeModel, type Embedded, type EmbeddingProvider } from "./provider.js";

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

function classify(error: unknown): SluiceError {
  // An answer that is no JSON. Whatever else is not the API's own error happened on the way, a body that broke off included.
  if ((error as Error | undefined)?.name === "SyntaxError")
    return new SluiceError("embedding_response_invalid", { cause: error });
  if (!(error instanceof OpenAI.APIError) || error.status === undefined)
    return new SluiceError("embedding_unavailable", { cause: error });
  const wait = retryAfterMs(error.headers);
  // An exhausted quota is told as 429 too; either way it passes only by waiting or by somebody's paying.
  if (error.status === 429) return new SluiceError("embedding_rate_limited", { cause: error, retryAfterMs: wait });
  if (error.status === 401 || error.status === 403)
    return new SluiceError("embedding_unauthorized", { cause: error, retryAfterMs: misconfiguredMs });
  if (error.status === 404 || error.status === 405 || error.code === "model_not_found")
    return new SluiceError("embedding_not_found", { cause: error, retryAfterMs: misconfiguredMs });
  if (error.status === 400 || error.status === 413 || error.status === 422)
    return new SluiceError("embedding_input_refused", { cause: error });
  if (error.status >= 500) return new AnsweredFailure({ cause: error, retryAfterMs: wait });
  return new SluiceError("embedding_unavailable", { cause: error, retryAfterMs: wait });
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
  const invalid = (code: string) =>
    new SluiceError("embedding_response_invalid", { cause: Object.assign(new Error("unusable vectors"), { code }) });
  if (!Array.isArray(answer?.data)) throw invalid("SHAPE");
  const vectors = new Array<Float32Array | undefined>(inputs);
  for (const item of answer.data as (OpenAI.Embedding | null)[]) {
    const { index, embedding } = item ?? { index: -1, embedding: null };
    if (vectors[index] !== undefined || index < 0 || index >= inputs) throw invalid("INDEX");
    const vector = decode(embedding);
    if (vector?.length !== dimensions) throw invalid("DIMENSIONS");
    if (!vector.every(Number.isFinite)) throw invalid("NOT_FINITE");
    if (vector.every((value) => value === 0)) throw invalid("ZERO");
    vectors[index] = vector;
  }
  const complete = vectors.filter((vector) => vector !== undefined);
  if (complete.length !== inputs) throw invalid("COUNT");
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
    async embed(texts, { signal } = {}) {
      let answer: OpenAI.CreateEmbeddingResponse;
      try {
        // The SDK's timeout ends with the answer's head; this one covers the body as well.
        answer = await withDeadline(options.timeoutMs, signal, (within) =>
          client.embeddings.create(
            // A quarter of the bytes of numbers in JSON. Said here, the SDK leaves the decoding to us, which servers need that
            // answer in numbers all the same.
            {
              model: options.model,
              input: [...texts],
              encoding_format: "base64",
              ...(options.sendDimensions ? { dimensions: options.dimensions } : {}),
            },
            { signal: within },
          ),
        );
      } catch (error) {
        throw classify(error);
      }
      return check(answer, texts.length, options.dimensions);
    },
  };
}
