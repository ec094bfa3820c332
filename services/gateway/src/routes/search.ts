import { createHmac } from "node:crypto";
import { forSearch, SearchAnswer, type SearchHit, SearchRequest, SluiceError, withPrefix } from "@sluice/contracts";
import { type FoundHit, vectorText } from "@sluice/store";
import { z } from "zod";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";
import type { NameProblem } from "../http/validate.js";
import { createActiveModels } from "../search/active-models.js";
import { highlight, snippetOf } from "../search/highlight.js";
import { queryVector } from "../search/query-vector.js";
import { relatedTerms } from "../search/related-terms.js";
import { createReranker } from "../search/reranker.js";

const Place = z.strictObject({ offset: z.number().int().min(1).max(15_000) });

const nameProblem: NameProblem = (path, kind) => {
  if (path === "filter" && kind === "unrecognized_keys") return "filter_unknown";
  if (path !== "query") return undefined;
  if (kind === "too_big") return "query_too_long";
  if (kind === "too_small") return "query_empty";
  return kind === "custom" || kind === "unstorable" ? "query_unreadable" : undefined;
};

function shown(
  { marked, lists, ...hit }: FoundHit,
  explain: boolean,
  rerank?: { score: number; was: number },
): SearchHit {
  const highlights = highlight(hit.text, marked);
  const explanation = { lists, ...(rerank === undefined ? {} : { rerank }) };
  return { ...hit, highlights, snippet: snippetOf(hit.text, highlights), ...(explain ? { explanation } : {}) };
}

/** Finding passages. */
export function searchOperations({ config, store, embeddings, models, auditKey, logger }: GatewayContext): Operation[] {
  const activeModels = createActiveModels(models, embeddings);
  const { exactBelow, rerank } = config.search;
  const reranker = createReranker(rerank);

  return [
    operation({
      method: "post",
      path: "/v1/search",
      tag: "search",
      summary: "Find passages",
      description:
        "`hybrid` fuses words and vectors by rank. `lexical: true` says that the model compares words, not meaning. Copies of a passage within a patient's documents are one hit. The query is not kept: the audit names it by a keyed hash.",
      scope: "search",
      body: SearchRequest,
      nameProblem,
      example: { query: "reaction to penicillin", k: 5, mode: "hybrid", filter: { from: "2023-01-01" } },
      answers: { 200: { description: "Passages, best first", schema: SearchAnswer } },
      problems: [
        "query_empty",
        "query_too_long",
        "query_unreadable",
        "filter_unknown",
        "cursor_invalid",
        "embedding_model_inactive",
        "embedding_unavailable",
      ],
      async handle({ scope, body, signal }) {
        const { mode, k, filter, neighbours, explain } = body;
        const query = forSearch(body.query).trim();
        if (query === "")
          throw new SluiceError("query_empty", { errors: [{ path: "query", message: "says nothing" }] });
        const queryHash = createHmac("sha256", auditKey).update(query).digest("hex");
        const isReranked = reranker !== undefined && body.rerank !== false;
        const bound = [mode, filter, isReranked, query];
        const offset = decodeCursor("search", bound, Place, body.cursor)?.offset ?? 0;
        // What is put in order again is always the same first passages, whatever part of them is asked for.
        const window =
          isReranked && offset < rerank.depth
            ? { from: 0, k: Math.max(rerank.depth, offset + k) }
            : { from: offset, k };

        const related = relatedTerms(query);
        const findBy = async (by: GatewayContext["embeddings"]) =>
          store.reading.search(
            scope,
            { query, mode, filter, k: window.k },
            {
              vector: mode === "keyword" ? null : vectorText(await queryVector(by, query, related, signal)),
              model: by.model.id,
              queryHash,
              related,
              neighbours,
              exactBelow,
              offset: window.from,
            },
          );
        let by = activeModels.of(scope.organizationId);
        let found = await findBy(by);
        if (found.outcome === "model_inactive") {
          const other = activeModels.learn(scope.organizationId, found.activeModel);
          if (other !== undefined && other !== by) {
            by = other;
            found = await findBy(by);
          }
        }
        if (found.outcome === "model_inactive") throw new SluiceError("embedding_model_inactive");

        const notes: SearchAnswer["notes"] = [];
        let ranked: { hit: FoundHit; rerank?: { score: number; was: number } }[] = found.hits.map((hit) => ({ hit }));
        if (isReranked && window.from === 0 && found.hits.length > 1) {
          const best = found.hits.slice(0, rerank.depth);
          const texts = best.map(({ prefix, text }) => withPrefix(prefix, text));
          try {
            const scores = await reranker(query, texts, signal);
            const again = best.map((hit, i) => ({ hit, rerank: { score: scores[i] ?? 0, was: i + 1 } }));
            again.sort((a, b) => b.rerank.score - a.rerank.score || a.rerank.was - b.rerank.was);
            ranked = [...again, ...ranked.slice(best.length)];
          } catch {
            signal.throwIfAborted();
            logger.warn("search.rerank_failed", { code: "rerank_unavailable" });
            notes.push("rerank_unavailable");
          }
        }
        const from = offset - window.from;
        const hits = ranked.slice(from, from + k).map(({ hit, rerank: placed }) => shown(hit, explain, placed));
        const isMore = found.more || ranked.length > from + k;
        const used = mode === "keyword" ? null : by.model;
        return {
          status: 200,
          body: {
            hits,
            mode,
            model: used?.id ?? null,
            lexical: used?.lexical ?? null,
            nextCursor: encodeCursor("search", bound, isMore && hits.length > 0 ? { offset: offset + k } : null),
            undated: found.undated,
            scan: found.scan,
            notes,
          } satisfies SearchAnswer,
        };
      },
    }),
  ];
}
