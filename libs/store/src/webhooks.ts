import { randomBytes } from "node:crypto";
import { Webhook, WebhookDelivery } from "@sluice/contracts";
import { z } from "zod";
import { before, listOf, ok, refused, type TimeCursor } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const Due = z.object({
  id: z.uuid(),
  attempt: z.number(),
  url: z.string(),
  secret: z.string(),
  payload: z.record(z.string(), z.unknown()),
  organizationId: z.uuid(),
  webhookId: z.uuid(),
  /** Seconds since 1970, of the database. */
  takenAt: z.number(),
});
/** A delivery to be tried now. */
export type DueDelivery = z.infer<typeof Due>;

const Done = z.union([z.object({ outcome: z.literal("ok") }), refused]);

/** Whom organizations want told, and what they were told. */
export function createWebhooks(rpc: Rpc) {
  return {
    /** The secret is made here and answered this once: the database keeps it to sign with, and nobody can ask for it. */
    async create(scope: Scope, webhook: { url: string; events: string[] }) {
      const secret = `whsec_${randomBytes(32).toString("base64")}`;
      const answer = z.union([z.object({ outcome: z.literal("ok"), item: Webhook }), refused]);
      const { item } = ok(
        await rpc.call(
          "sluice_create_webhook",
          { ...scoped(scope), p_url: webhook.url, p_events: webhook.events, p_secret: secret },
          answer,
        ),
      );
      return { ...item, secret };
    },
    async list(scope: Scope): Promise<Webhook[]> {
      return ok(await rpc.call("sluice_webhooks", scoped(scope), listOf(Webhook))).items;
    },
    async remove(scope: Scope, webhookId: string): Promise<void> {
      ok(await rpc.call("sluice_delete_webhook", { ...scoped(scope), p_webhook: webhookId }, Done));
    },
    /** Newest first. */
    async deliveries(scope: Scope, webhookId: string, cursor: TimeCursor | null, limit: number) {
      const { items } = ok(
        await rpc.call(
          "sluice_webhook_deliveries",
          { ...scoped(scope), p_webhook: webhookId, ...before(cursor), p_limit: limit },
          listOf(WebhookDelivery),
        ),
      );
      const last = items.at(-1);
      return { items, next: items.length < limit || last === undefined ? null : { at: last.createdAt, id: last.id } };
    },
    async redeliver(scope: Scope, deliveryId: string): Promise<void> {
      ok(await rpc.call("sluice_redeliver", { ...scoped(scope), p_delivery: deliveryId }, Done));
    },
    /** Makes deliveries of what happened since; answers how many events were read. */
    collect(limit: number): Promise<number> {
      return rpc.call("sluice_collect_deliveries", { p_limit: limit }, z.number());
    },
    /** Takes what is due, at most `each` of one webhook. What is not settled within the lease is due again. */
    take(limit: number, each: number, leaseMs: number): Promise<DueDelivery[]> {
      return rpc.call("sluice_take_deliveries", { p_limit: limit, p_each: each, p_lease_ms: leaseMs }, z.array(Due));
    },
    /** `delivered` or `failed` for good; otherwise another try after the delay. */
    async settle(
      delivery: Pick<DueDelivery, "id" | "organizationId">,
      result: { state?: "delivered" | "failed"; status?: number; code?: string; delayMs?: number },
    ): Promise<void> {
      await rpc.call(
        "sluice_settle_delivery",
        {
          p_organization: delivery.organizationId,
          p_delivery: delivery.id,
          p_state: result.state ?? null,
          p_status: result.status ?? null,
          p_code: result.code ?? null,
          p_delay_ms: Math.round(result.delayMs ?? 0),
        },
        z.unknown(),
      );
    },
    expire(days: number, limit: number): Promise<number> {
      return rpc.call("sluice_expire_deliveries", { p_days: days, p_limit: limit }, z.number());
    },
  };
}
