import { Budget, type BudgetRequest, UsageAnswer } from "@sluice/contracts";
import { z } from "zod";
import { ok, refused } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const done = z.object({ outcome: z.literal("ok") });

/** What embedding costs an organization, and what it may cost. */
export function createUsage(rpc: Rpc) {
  return {
    async read(scope: Scope, months: number): Promise<UsageAnswer> {
      const { items, budget } = ok(
        await rpc.call(
          "sluice_usage",
          { ...scoped(scope), p_months: months },
          z.union([UsageAnswer.extend(done.shape), refused]),
        ),
      );
      return { items, budget };
    },
    /** For this month and all that follow. Where there is room again, embedding goes on. */
    async setBudget(scope: Scope, budget: BudgetRequest): Promise<Budget> {
      return ok(
        await rpc.call(
          "sluice_set_budget",
          { ...scoped(scope), p_budget: budget },
          z.union([done.extend({ budget: Budget }), refused]),
        ),
      ).budget;
    },
    /** An organization's own price of a million tokens in US dollars, from a time on; null takes it back. */
    async setPrice(
      organizationId: string,
      price: { provider: string; model: string; usdPerMillion: number | null; since: Date | null },
    ): Promise<void> {
      await rpc.call(
        "sluice_set_price",
        {
          p_organization: organizationId,
          p_provider: price.provider,
          p_model: price.model,
          p_usd_per_million: price.usdPerMillion,
          p_since: price.since?.toISOString() ?? null,
        },
        z.unknown(),
      );
    },
  };
}
