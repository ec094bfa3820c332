import {
  CreatedWebhook,
  list,
  NewWebhook,
  SluiceError,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryQuery,
} from "@sluice/contracts";
import { isPublicAddress } from "@sluice/runtime";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

/** Whom an organization wants told, and what it was told. */
export function webhookOperations({ store, config }: GatewayContext): Operation[] {
  /** Names are looked up when something is sent, each time; what is plainly wrong is refused at once. */
  function checkTarget(text: string): void {
    const refuse = (message: string) => {
      throw new SluiceError("webhook_target_refused", { errors: [{ path: "url", message }] });
    };
    const url = new URL(text);
    if (url.username !== "" || url.password !== "") refuse("Must hold no password");
    if (config.webhooks.allowPrivate) return;
    if (url.protocol !== "https:") refuse("Must be https");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
    if (isAddress ? !isPublicAddress(host) : /(^|\.)localhost\.?$/.test(host)) refuse("Must be a public address");
  }

  return [
    operation({
      method: "post",
      path: "/v1/webhooks",
      tag: "webhooks",
      summary: "Be told when documents and batches are final",
      description:
        "Each delivery is a POST of JSON, signed as Standard Webhooks says: HMAC-SHA256 over `webhook-id.webhook-timestamp.body` with the secret, in `webhook-signature`. The id is the same at every try. Anything but a 2xx answer within ten seconds is tried again, twelve times over about a day and a half. It holds ids, statuses and counts, and nothing of a patient.",
      scope: "admin",
      body: NewWebhook,
      example: { url: "https://example.org/sluice", events: ["batch.completed"] },
      answers: { 201: { description: "The webhook, and its secret this once", schema: CreatedWebhook } },
      problems: ["webhook_target_refused"],
      async handle({ scope, body }) {
        checkTarget(body.url);
        return { status: 201, body: await store.webhooks.create(scope, body) };
      },
    }),
    operation({
      method: "get",
      path: "/v1/webhooks",
      tag: "webhooks",
      summary: "List webhooks",
      scope: "admin",
      answers: { 200: { description: "All of them", schema: list(Webhook) } },
      async handle({ scope }) {
        return { status: 200, body: { items: await store.webhooks.list(scope), nextCursor: null } };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/webhooks/{id}",
      tag: "webhooks",
      summary: "Tell it nothing more; what is not delivered is dropped",
      scope: "admin",
      answers: { 204: { description: "It is gone" } },
      async handle({ scope, id }) {
        await store.webhooks.remove(scope, id);
        return { status: 204 };
      },
    }),
    operation({
      method: "get",
      path: "/v1/webhooks/{id}/deliveries",
      tag: "webhooks",
      summary: "What it was told, newest first",
      scope: "admin",
      query: WebhookDeliveryQuery,
      answers: { 200: { description: "A page", schema: list(WebhookDelivery) } },
      problems: ["cursor_invalid"],
      async handle({ scope, id, query: { limit, cursor } }) {
        const place = decodeCursor("deliveries", id, TimePlace, cursor);
        const { items, next } = await store.webhooks.deliveries(scope, id, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("deliveries", id, next) } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/webhook-deliveries/{id}/redeliver",
      tag: "webhooks",
      summary: "Send a delivery once more, under the same id",
      scope: "admin",
      idempotency: "repeat",
      answers: { 204: { description: "It is due" } },
      async handle({ scope, id }) {
        await store.webhooks.redeliver(scope, id);
        return { status: 204 };
      },
    }),
  ];
}
