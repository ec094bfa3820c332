import { createHash } from "node:crypto";
import { z } from "zod";
import type { Rpc } from "./rpc.js";
import { type ChunkVector, type Held, vectorText } from "./work.js";

/** A chunk whose text is to be embedded; `key` is `textKey` of what is sent. */
export interface KeyedChunk extends Held {
  chunkId: string;
  key: string;
}

const Settled = z.object({ usd: z.number(), warned: z.array(z.uuid()) });

/** What a text's vector is found again by: the same text, in the same organization, under the same model. */
export function textKey(organizationId: string, model: string, text: string): string {
  return createHash("sha256").update(`${organizationId}\n${model}\n${text}`).digest("hex");
}

const item = ({ organizationId, ingestionId, generation, chunkId, key }: KeyedChunk) => ({
  organizationId,
  ingestionId,
  generation,
  chunkId,
  key,
});

/** Vectors that cost something: those that are there already, and the books of requests for those that are not. */
export function createVectors(rpc: Rpc) {
  return {
    /** Takes over vectors of texts that were embedded before. Answers the chunks that have theirs now; the saving is booked. */
    find(model: string, chunks: KeyedChunk[]): Promise<string[]> {
      return rpc.call("sluice_find_vectors", { p_model: model, p_items: chunks.map(item) }, z.array(z.uuid()));
    },
    /** Sets aside what a request will use. Answers the organizations whose budget is used up, which have nothing set aside. */
    reserve(
      request: string,
      model: { provider: string; name: string },
      shares: readonly {
        organizationId: string;
        inputs: number;
        tokens: number;
        savedInputs: number;
        savedTokens: number;
      }[],
      ttlMs: number,
    ): Promise<{ organizationId: string; isFirst: boolean }[]> {
      return rpc.call(
        "sluice_reserve_embedding",
        {
          p_request: request,
          p_provider: model.provider,
          p_model: model.name,
          p_shares: [...shares],
          p_ttl_ms: Math.round(ttlMs),
        },
        z.array(z.object({ organizationId: z.uuid(), isFirst: z.boolean() })),
      );
    },
    /**
     * Keeps vectors of a finished request and books what it used; `request` is null for the further parts of a large one. Answers what
     * it cost, and the organizations that have come near their budget's end with it.
     */
    keep(
      model: string,
      request: string | null,
      used: { tokens: number; latencyMs: number },
      rows: (ChunkVector & { key: string })[],
    ): Promise<z.infer<typeof Settled>> {
      return rpc.call(
        "sluice_keep_vectors",
        {
          p_model: model,
          p_request: request,
          p_tokens: used.tokens,
          p_latency_ms: Math.round(used.latencyMs),
          p_items: rows.map((row) => ({ ...item(row), vector: vectorText(row.vector) })),
        },
        Settled,
      );
    },
    /** A request that brought nothing; `presumed`: nobody knows whether it was paid for, so it counts as paid. */
    async release(request: string, presumed: boolean, latencyMs: number): Promise<void> {
      await rpc.call(
        "sluice_release_embedding",
        { p_request: request, p_presumed: presumed, p_latency_ms: Math.round(latencyMs) },
        z.unknown(),
      );
    },
    /** Counts as paid for what embedders that died had set aside; answers how many requests. */
    expire(limit: number): Promise<number> {
      return rpc.call("sluice_expire_reservations", { p_limit: limit }, z.number());
    },
  };
}
