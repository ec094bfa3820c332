import { withDeadline } from "@sluice/runtime";
import { z } from "zod";
import type { GatewayConfig } from "../config.js";

/** Puts texts in order for a query: how well each answers it, in the order given. Throws when it can't in time. */
export type Reranker = (query: string, texts: string[], signal: AbortSignal) => Promise<number[]>;

const largest = 1_000_000;
const Ranked = z.array(z.object({ index: z.number().int().nonnegative(), score: z.number() }));
const Answer = z.union([
  Ranked,
  z
    .object({ results: z.array(z.object({ index: z.number().int().nonnegative(), relevance_score: z.number() })) })
    .transform(({ results }) => results.map(({ index, relevance_score: score }) => ({ index, score }))),
]);

async function limitedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    if (text.length > largest) throw new Error("answer too large");
  }
  return text;
}

/** A cross-encoder over HTTP, where one is configured. It goes to that address alone: redirects are failures. */
export function createReranker(config: GatewayConfig["search"]["rerank"]): Reranker | undefined {
  const { url, api, key, model, timeoutMs } = config;
  if (url === undefined) return undefined;
  return (query, texts, signal) =>
    withDeadline(timeoutMs, signal, async (within) => {
      const asked = api === "tei" ? { query, texts, truncate: true } : { query, documents: texts, top_n: texts.length };
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify(model === undefined ? asked : { ...asked, model }),
        redirect: "error",
        signal: within,
      });
      const text = await limitedText(response);
      if (!response.ok) throw new Error(`answered ${response.status}`);
      const scores = new Map(Answer.parse(JSON.parse(text)).map(({ index, score }) => [index, score]));
      return texts.map((_, i) => {
        const score = scores.get(i);
        if (score === undefined) throw new Error("a passage was left out");
        return score;
      });
    });
}
