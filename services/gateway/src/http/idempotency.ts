import { createHash } from "node:crypto";
import { SluiceError } from "@sluice/contracts";
import { errorFields } from "@sluice/runtime";
import type { Scope } from "@sluice/store";
import type { Request } from "express";
import { z } from "zod";
import type { GatewayContext } from "../context.js";
import type { Answer, Operation } from "./operation.js";

const headerName = "Idempotency-Key";
const wellFormed = /^[\x21-\x7e]{1,255}$/;
/** A request that was not heard of for this long died with its gateway; one under way is heard of more often. */
const staleMs = 15_000;
const touchMs = 4_000;

const Kept = z.object({
  body: z.unknown(),
  headers: z.record(z.string(), z.string()),
  mediaType: z.string().nullable(),
  /** Missing in what an older gateway kept. */
  formDigest: z.string().optional(),
});

/**
 * Runs a request once for its Idempotency-Key and answers later ones of the same key with what the first was answered. A request that
 * was refused or failed changed nothing and gives the key back. A form is known only when it has been read: its digest is kept with the
 * answer, and a repeated one is read to its end, and compared, before it is answered.
 */
export async function withIdempotency(
  { store, logger }: Pick<GatewayContext, "store" | "logger">,
  call: { operation: Operation; scope: Scope; request: Request; raw: unknown },
  run: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const key = call.request.get(headerName);
  if (key === undefined) return run();
  if (!wellFormed.test(key)) {
    const errors = [{ path: headerName, message: "1 to 255 printable ASCII characters without spaces" }];
    throw new SluiceError("request_invalid", { errors });
  }
  const { organizationId } = call.scope;
  const { multipart = false, method, idempotency } = call.operation;
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([method, call.request.path, multipart ? null : call.raw]))
    .digest("hex");
  const begun = await store.intake.beginRequest(organizationId, key, fingerprint, staleMs);
  if (begun.outcome === "reused") throw new SluiceError("idempotency_key_reused");
  if (begun.outcome === "in_progress") throw new SluiceError("idempotency_in_progress", { retryAfterMs: 1_000 });
  if (begun.outcome === "replay") {
    const again = idempotency === "repeat" ? await run() : await replayOf(begun, call);
    return again && { ...again, headers: { ...again.headers, "Idempotent-Replay": "true" } };
  }

  const touching = setInterval(() => store.intake.touchRequest(organizationId, key).catch(() => {}), touchMs);
  const finish = (status: number, response: unknown) =>
    store.intake.finishRequest(organizationId, key, status, response).catch((error: unknown) => {
      // The request is done or undone either way; the key is free again when it has gone stale.
      logger.warn("idempotency.unfinished", { organizationId, ...errorFields(error) });
    });
  try {
    const answer = await run();
    const keeps = answer !== undefined && isSettled(answer);
    await finish(answer?.status ?? 0, keeps ? kept(answer, idempotency === "repeat") : null);
    return answer;
  } catch (error) {
    await finish(0, null);
    throw error;
  } finally {
    clearInterval(touching);
  }
}

const Receipts = z.object({ documents: z.array(z.object({ problem: z.object({ status: z.number() }).optional() })) });

/** Whether it is done for good: not after an outage, not even one that hit a single file of several. */
function isSettled(answer: Answer): boolean {
  const receipts = Receipts.safeParse(answer.body).data?.documents ?? [];
  return answer.status < 400 && receipts.every(({ problem }) => problem === undefined || problem.status < 500);
}

function kept(answer: Answer, repeats: boolean): z.infer<typeof Kept> {
  const { body, headers = {}, mediaType = null, formDigest } = answer;
  return { body: repeats ? null : body, headers, mediaType, ...(formDigest === undefined ? {} : { formDigest }) };
}

async function replayOf(
  begun: { status: number; response: unknown },
  { operation, scope, request }: { operation: Operation; scope: Scope; request: Request },
): Promise<Answer> {
  const { body, headers, mediaType, formDigest } = Kept.parse(begun.response);
  const digest = formDigest === undefined ? undefined : await operation.formDigest?.({ scope, request });
  if (digest !== formDigest) throw new SluiceError("idempotency_form_differs");
  return { status: begun.status, body, headers, mediaType: mediaType ?? undefined };
}
