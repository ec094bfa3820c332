import { Reindex, ReindexEstimate, type ReindexRequest } from "@sluice/contracts";
import { z } from "zod";
import { ok, refused } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import { type Rpc, reindexRefusals } from "./rpc.js";

const Claimed = z
  .object({
    id: z.uuid(),
    organizationId: z.uuid(),
    model: z.string(),
    ingestions: z.array(z.uuid()),
    chunks: z.array(
      z.object({
        ingestionId: z.uuid(),
        generation: z.number().int(),
        chunkId: z.uuid(),
        text: z.string(),
        prefix: z.string(),
        tokenCount: z.number().int(),
      }),
    ),
  })
  .nullable();
/** Passages of finished documents that lack vectors of the model that a reindex keeps up. */
export type ReindexSlice = NonNullable<z.infer<typeof Claimed>>;

const done = z.object({ outcome: z.literal("ok") });
const not = z.object({ outcome: z.enum([...refused.shape.outcome.options, ...reindexRefusals]) });
const Changed = z.union([done.extend({ reindex: Reindex }), not]);

/** Another model for what is there, beside the one that search reads. */
export function createReindexes(rpc: Rpc) {
  return {
    async list(scope: Scope): Promise<{ activeModel: string | null; items: Reindex[] }> {
      const answer = z.union([done.extend({ activeModel: z.string().nullable(), items: z.array(Reindex) }), refused]);
      const { activeModel, items } = ok(await rpc.call("sluice_reindexes", scoped(scope), answer));
      return { activeModel, items };
    },
    async estimate(scope: Scope, model: string): Promise<ReindexEstimate> {
      const { outcome: _, ...estimate } = ok(
        await rpc.call(
          "sluice_estimate_reindex",
          { ...scoped(scope), p_model: model },
          z.union([done.extend(ReindexEstimate.shape), not]),
        ),
      );
      return estimate;
    },
    async start(scope: Scope, { model, windowSeconds, acceptMissing }: ReindexRequest): Promise<Reindex> {
      return ok(
        await rpc.call(
          "sluice_start_reindex",
          { ...scoped(scope), p_model: model, p_window_seconds: windowSeconds, p_accept_missing: acceptMissing },
          Changed,
        ),
      ).reindex;
    },
    /** `rollback` answers `rolling_back` where something finished a moment ago still lacks the old model's vectors; it is done when they are there. */
    async end(scope: Scope, action: "rollback" | "cancel", acceptMissing = false): Promise<Reindex> {
      return ok(
        await rpc.call(
          "sluice_end_reindex",
          { ...scoped(scope), p_action: action, p_accept_missing: acceptMissing },
          Changed,
        ),
      ).reindex;
    },
    /** Takes up to `limit` passages to embed, until the lease ends; null where there is nothing to do. */
    claim(models: string[], worker: string, leaseMs: number, limit: number): Promise<ReindexSlice | null> {
      return rpc.call(
        "sluice_claim_reindex",
        { p_models: models, p_worker: worker, p_lease_ms: leaseMs, p_limit: limit },
        Claimed,
      );
    },
    async hold(slice: ReindexSlice, worker: string, leaseMs: number): Promise<void> {
      await rpc.call(
        "sluice_hold_reindex",
        { p_reindex: slice.id, p_worker: worker, p_lease_ms: leaseMs },
        z.unknown(),
      );
    },
    /** Gives back what was claimed. `failed`: passages that may be at fault; `final` ones the model refuses for good. `waiting`: what holds up the rest. */
    async settle(
      slice: ReindexSlice,
      worker: string,
      result: {
        embedded: number;
        failed: { chunkId: string; code: string; final: boolean }[];
        waiting?: { code: string; delayMs: number };
      },
    ): Promise<void> {
      await rpc.call(
        "sluice_settle_reindex",
        {
          p_reindex: slice.id,
          p_worker: worker,
          p_model: slice.model,
          p_embedded: result.embedded,
          p_failed: result.failed,
          p_code: result.waiting?.code ?? null,
          p_delay_ms: Math.round(result.waiting?.delayMs ?? 0),
        },
        z.unknown(),
      );
    },
    /** Of these models, the ones that organizations' new documents need vectors of beside the active one's. */
    kept(models: string[]): Promise<{ organizationId: string; model: string }[]> {
      return rpc.call(
        "sluice_kept_models",
        { p_models: models },
        z.array(z.object({ organizationId: z.uuid(), model: z.string() })),
      );
    },
    /** One bounded step of every reindex: looks for what is missing, flips what is whole, removes what nobody reads. */
    step(limit: number): Promise<{ flipped: number; more: boolean }> {
      return rpc.call("sluice_reindex_step", { p_limit: limit }, z.object({ flipped: z.number(), more: z.boolean() }));
    },
  };
}
