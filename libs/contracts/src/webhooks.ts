import { z } from "zod";
import { cursor, time } from "./fields.js";

export const webhookEvents = [
  "document.vectorized",
  "document.failed",
  "document.cancelled",
  "document.deleted",
  "batch.completed",
] as const;
export const WebhookEvent = z.enum(webhookEvents);

export const NewWebhook = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .describe("https, and not in a private network, unless the service allows it"),
  events: z
    .array(WebhookEvent)
    .min(1)
    .max(webhookEvents.length)
    .default([...webhookEvents]),
});
export const Webhook = z.object({
  id: z.uuid(),
  url: z.string(),
  events: z.array(WebhookEvent),
  createdAt: time,
});
export type Webhook = z.infer<typeof Webhook>;
export const CreatedWebhook = Webhook.extend({
  secret: z.string().describe("Deliveries are signed with it (Standard Webhooks); shown this once"),
});

export const WebhookDelivery = z.object({
  id: z.uuid().describe("The header webhook-id: the same at every try"),
  event: WebhookEvent,
  payload: z.record(z.string(), z.unknown()).describe("What is sent: ids, statuses and counts"),
  state: z.enum(["pending", "delivered", "failed"]),
  attempts: z.number(),
  nextAt: time.nullable(),
  lastStatus: z.number().nullable().describe("HTTP status of the last answer"),
  lastCode: z.string().nullable().describe("Why there was no answer, where there was none"),
  createdAt: time,
  settledAt: time.nullable(),
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;
export const WebhookDeliveryQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor,
});
