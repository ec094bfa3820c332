import { Budget, BudgetRequest, UsageAnswer, UsageQuery } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** What embedding costs, and what it may cost. */
export function usageOperations({ store, producer }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/usage",
      tag: "operations",
      summary: "What embedding used, cost and saved, by month and model; and the budget",
      scope: "admin",
      query: UsageQuery,
      answers: { 200: { description: "The usage", schema: UsageAnswer } },
      async handle({ scope, query: { months } }) {
        return { status: 200, body: await store.usage.read(scope, months) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/admin/budget",
      tag: "operations",
      summary: "Set what embedding may cost in a month",
      description:
        "Of the caller's organization, for this month and all that follow. When it is used up documents wait before embedding, at no attempt; raising it lets them go on at once.",
      scope: "admin",
      body: BudgetRequest,
      example: { usd: 250, warnShare: 0.8 },
      idempotency: "replay",
      answers: { 200: { description: "The budget as it is now", schema: Budget } },
      async handle({ scope, body }) {
        const budget = await store.usage.setBudget(scope, body);
        producer.nudge();
        return { status: 200, body: budget };
      },
    }),
  ];
}
