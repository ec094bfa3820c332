import type { Logger, Metrics } from "@sluice/runtime";
import type { DueDelivery, Store } from "@sluice/store";
import { type Posted, post } from "./post.js";
import { signed } from "./signature.js";

/** Events read in one turn, deliveries tried in one turn, and of one webhook. */
const events = 1_000;
const most = 32;
const each = 4;
/** Settled deliveries are kept for so long. */
const keptDays = 30;

const tries = 12;
const firstMs = 5_000;
const longestMs = 12 * 3_600_000;

/** Milliseconds before try `attempt + 1`, three times as long each time, with jitter: twelve tries are about a day and a half. */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  return Math.min(longestMs, firstMs * 3 ** (attempt - 1)) * (0.75 + random() / 2);
}

/** Tells the addresses that organizations named what became of their documents and batches. */
export function createSender(deps: {
  webhooks: Store["webhooks"];
  metrics: Metrics;
  logger: Logger;
  timeoutMs: number;
  allowPrivate: boolean;
}) {
  const { webhooks, metrics, logger } = deps;
  const stopping = new AbortController();

  async function send(delivery: DueDelivery): Promise<void> {
    const { id, organizationId, attempt, url, secret, takenAt } = delivery;
    const body = JSON.stringify(delivery.payload);
    const headers = signed(secret, id, takenAt, body);
    const posted = await post(url, body, headers, { ...deps, signal: stopping.signal });
    // What was broken off by stopping is due again when its lease is over.
    if (stopping.signal.aborted) return;
    const outcome = outcomeOf(posted, attempt);
    metrics.webhookDeliveries.inc({ outcome: outcome.state ?? "retrying" });
    logger.info("webhook.tried", {
      organizationId,
      attempt,
      outcome: outcome.state ?? "retrying",
      httpStatus: outcome.status,
      code: outcome.code,
    });
    await webhooks.settle(delivery, outcome);
  }

  return {
    /** True when there may be more to do at once. */
    async turn(): Promise<boolean> {
      const read = await webhooks.collect(events);
      // The lease is longer than a try can take.
      const due = await webhooks.take(most, each, deps.timeoutMs + 60_000);
      await Promise.all(due.map(send));
      return read === events || due.length === most;
    },
    async forget(): Promise<boolean> {
      return (await webhooks.expire(keptDays, events)) === events;
    },
    destroy: () => stopping.abort(),
  };
}

function outcomeOf(posted: Posted, attempt: number) {
  const { status, code } = "status" in posted ? { ...posted, code: undefined } : { ...posted, status: undefined };
  if (status !== undefined && status >= 200 && status < 300) return { state: "delivered" as const, status };
  // Gone, as HTTP has it, or a place that nothing may be sent to: it will not get better.
  if (status === 410 || code === "refused_target" || attempt >= tries)
    return { state: "failed" as const, status, code };
  return { status, code, delayMs: retryDelay(attempt) };
}
