import { openAsBlob } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, SluiceError } from "@sluice/contracts";
import { withDeadline } from "@sluice/runtime";
import { z } from "zod";

export interface LlamaParseOptions {
  baseUrl: string;
  apiKey: string;
  tier: string;
  version: string;
  /** Longest a request may take, in milliseconds. */
  requestMs: number;
  /** Longest a job may take from upload to result, in milliseconds. */
  jobMs: number;
  /** Between two looks at a job, in milliseconds; longer from look to look, up to ten times. */
  pollMs: number;
  /** Bytes that a result may have. */
  maxBytes: number;
}

/** A page as LlamaParse reads it; null where it failed on it. */
export interface ProvidedPage {
  number: number;
  markdown: string | null;
}

/** Thrown when LlamaParse won't or can't read this document, whatever it does with others: the parser's own formats read it instead. */
export class NotProvided extends Error {}

const Job = z.object({ id: z.string().min(1), status: z.string() });
const Result = z.object({
  job: Job,
  markdown: z
    .object({
      pages: z.array(
        z.object({
          page_number: z.number().int().positive(),
          markdown: z.string().nullish(),
          success: z.boolean().nullish(),
        }),
      ),
    })
    .nullish(),
});

const failed = (code: ErrorCode, status: string | number, retryAfterMs?: number) =>
  new SluiceError(code, {
    retryAfterMs,
    cause: Object.assign(new Error("the parser's provider failed"), { code: String(status) }),
  });

/** Seconds, or a date; from a second to ten minutes. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 1_000), 600_000);
}

/**
 * LlamaParse's second REST API (developers.llamaindex.ai/llamaparse/parse/guides/api-reference): an upload begins a job, which is asked
 * for until it has ended. Files leave for a third party. A file that is sent twice (its worker died) may be charged twice.
 */
export function createLlamaParse(options: LlamaParseOptions) {
  const base = options.baseUrl.replace(/\/+$/, "");

  async function call(path: string, init: RequestInit, signal: AbortSignal): Promise<unknown> {
    try {
      return await withDeadline(options.requestMs, signal, async (within) => {
        const response = await fetch(base + path, {
          ...init,
          headers: { authorization: `Bearer ${options.apiKey}`, accept: "application/json" },
          redirect: "error",
          signal: within,
        });
        if (response.ok) return JSON.parse(await bounded(response)) as unknown;
        await response.body?.cancel().catch(() => {});
        throw refusal(response);
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotProvided || error instanceof SluiceError) throw error;
      // Nobody there, too late, a proxy's page, or an answer that was cut off.
      throw new SluiceError("provider_unavailable", { cause: error });
    }
  }

  async function bounded(response: Response): Promise<string> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      bytes += piece.length;
      if (bytes > options.maxBytes) throw new NotProvided("result too large");
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  function read<T>(schema: z.ZodType<T>, answer: unknown): T {
    const result = schema.safeParse(answer);
    if (result.success) return result.data;
    throw failed("provider_unavailable", "SHAPE");
  }

  return {
    /** Names what read a document, for its version. */
    name: `llamaparse/${options.tier}/${options.version}`,
    /** Pages in order. Throws `NotProvided`, `provider_*` outages, or the signal's reason. */
    async pages(file: string, mediaType: string, signal: AbortSignal): Promise<ProvidedPage[]> {
      const form = new FormData();
      // No name of the sender's leaves with it.
      form.set("file", await openAsBlob(file, { type: mediaType }), `document${extensions[mediaType] ?? ""}`);
      form.set("configuration", JSON.stringify({ tier: options.tier, version: options.version }));
      const job = read(Job, await call("/api/v2/parse/upload", { method: "POST", body: form }, signal));
      const until = performance.now() + options.jobMs;
      for (let wait = options.pollMs; ; wait = Math.min(wait * 1.5, options.pollMs * 10)) {
        const { job: now, markdown } = read(
          Result,
          await call(`/api/v2/parse/${encodeURIComponent(job.id)}?expand=markdown`, {}, signal),
        );
        const status = now.status.toUpperCase();
        if (status === "COMPLETED") return inOrder(markdown?.pages ?? []);
        if (status !== "PENDING" && status !== "RUNNING")
          throw new NotProvided(`job ${status === "CANCELLED" ? "cancelled" : "failed"}`);
        if (performance.now() > until) throw new NotProvided("job too slow");
        await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    },
  };

  function inOrder(
    pages: { page_number: number; markdown?: string | null; success?: boolean | null }[],
  ): ProvidedPage[] {
    if (pages.length === 0) throw new NotProvided("no pages");
    return pages
      .map(({ page_number: number, markdown, success }) => ({
        number,
        markdown: success === false ? null : (markdown ?? null),
      }))
      .sort((a, b) => a.number - b.number);
  }
}

export type LlamaParse = ReturnType<typeof createLlamaParse>;

function refusal(response: Response): Error {
  const { status } = response;
  if (status === 401 || status === 403) return failed("provider_unauthorized", status);
  if (status === 402) return failed("provider_exhausted", status);
  if (status === 429) return failed("provider_rate_limited", status, retryAfter(response.headers.get("retry-after")));
  // This file, or this job: too large, of no type it takes, not there any more.
  if ([400, 404, 409, 413, 415, 422].includes(status)) return new NotProvided(`status ${status}`);
  return failed("provider_unavailable", status, retryAfter(response.headers.get("retry-after")));
}

/** What is sent to LlamaParse: documents that are laid out on pages. Clinical formats are read better by what knows them. */
const extensions: Record<string, string> = {
  "application/pdf": ".pdf",
  "image/png": ".png",
  "image/jpeg": ".jpg",
  "image/tiff": ".tiff",
  "application/rtf": ".rtf",
  "application/msword": ".doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
};

export function isProvided(mediaType: string | null): boolean {
  return mediaType !== null && mediaType in extensions;
}
