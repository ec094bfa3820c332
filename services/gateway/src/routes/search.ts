import { createHmac } from "node:crypto";
import { forSearch, SearchAnswer, SearchRequest, SluiceError } from "@sluice/contracts";
import { withDeadline } from "@sluice/runtime";
import { vectorText } from "@sluice/store";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** A search that has not got its vector by then is better tried again. */
const embedMs = 10_000;

/** Finding passages. */
export function searchOperations({ store, embeddings, auditKey }: GatewayContext): Operation[] {
  const { model } = embeddings;

  async function vectorOf(query: string, signal: AbortSignal): Promise<string> {
    const { vectors } = await withDeadline(embedMs, signal, (within) =>
      embeddings.embed([query], { signal: within }),
    ).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw cause instanceof SluiceError ? cause : new SluiceError("embedding_unavailable", { cause });
    });
    const [vector] = vectors;
    if (vector === undefined) throw new SluiceError("embedding_response_invalid");
    return vectorText(vector);
  }

  return [
    operation({
      method: "post",
      path: "/v1/search",
      tag: "search",
      summary: "Find passages",
      description:
        "`hybrid` fuses words and vectors by rank. `lexical: true` says that the model compares words, not meaning. The query is not kept: the audit names it by a keyed hash.",
      scope: "search",
      body: SearchRequest,
      example: { query: "reaction to penicillin", k: 5, mode: "hybrid", filter: { from: "2023-01-01" } },
      answers: { 200: { description: "Passages, best first", schema: SearchAnswer } },
      problems: ["embedding_model_inactive", "embedding_unavailable"],
      async handle({ scope, body, signal }) {
        const request = { ...body, query: forSearch(body.query) };
        const { mode, query } = request;
        const vector = mode === "keyword" ? null : await vectorOf(query, signal);
        const queryHash = createHmac("sha256", auditKey).update(query).digest("hex");
        const found = await store.reading.search(scope, request, { vector, model: model.id, queryHash });
        if (found.outcome === "model_inactive") throw new SluiceError("embedding_model_inactive");
        const used = mode === "keyword" ? null : model;
        return {
          status: 200,
          body: { hits: found.hits, mode, model: used?.id ?? null, lexical: used?.lexical ?? null },
        };
      },
    }),
  ];
}
