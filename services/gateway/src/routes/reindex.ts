import {
  Reindex,
  ReindexEstimate,
  ReindexEstimateRequest,
  ReindexList,
  ReindexRequest,
  RollbackRequest,
} from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** Changing the embedding model while search goes on. */
export function reindexOperations({ store }: GatewayContext): Operation[] {
  const example = { model: "openai/text-embedding-3-large/3072" };
  return [
    operation({
      method: "get",
      path: "/v1/admin/reindex",
      tag: "operations",
      summary: "The model that search reads, and changes of it",
      scope: "admin",
      answers: { 200: { description: "The reindexes", schema: ReindexList } },
      async handle({ scope }) {
        return { status: 200, body: await store.reindexes.list(scope) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/admin/reindex/estimate",
      tag: "operations",
      summary: "What another embedding model would cost, and how long it would take",
      scope: "admin",
      body: ReindexEstimateRequest,
      example,
      answers: { 200: { description: "The estimate", schema: ReindexEstimate } },
      problems: ["reindex_model_unknown"],
      async handle({ scope, body }) {
        return { status: 200, body: await store.reindexes.estimate(scope, body.model) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/admin/reindex",
      tag: "operations",
      summary: "Change the embedding model",
      description:
        "What is there is embedded in the background; search reads the old model until all have vectors of the new one, and then that, for everybody at once. Both are kept up until the window closes.",
      scope: "admin",
      body: ReindexRequest,
      example: { ...example, windowSeconds: 604_800 },
      idempotency: "replay",
      answers: { 200: { description: "The reindex", schema: Reindex } },
      problems: ["reindex_model_unknown", "reindex_open", "reindex_needless"],
      async handle({ scope, body }) {
        return { status: 200, body: await store.reindexes.start(scope, body) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/admin/reindex/rollback",
      tag: "operations",
      summary: "Search by the model of before again",
      scope: "admin",
      body: RollbackRequest,
      example: {},
      idempotency: "replay",
      answers: { 200: { description: "The reindex", schema: Reindex } },
      problems: ["reindex_not_possible"],
      async handle({ scope, body }) {
        return { status: 200, body: await store.reindexes.end(scope, "rollback", body.acceptMissing) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/admin/reindex/cancel",
      tag: "operations",
      summary: "Give up a change of the embedding model that search does not read",
      scope: "admin",
      idempotency: "replay",
      answers: { 200: { description: "The reindex", schema: Reindex } },
      problems: ["reindex_not_possible"],
      async handle({ scope }) {
        return { status: 200, body: await store.reindexes.end(scope, "cancel") };
      },
    }),
  ];
}
