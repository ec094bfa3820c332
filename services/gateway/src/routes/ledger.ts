import { LedgerAnswer, LedgerQuery } from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** Whether everything that was accepted is accounted for. */
export function ledgerOperations({ store }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/ledger",
      tag: "operations",
      summary: "What was accepted against what became of it; `imbalance` is zero when all is well",
      scope: "documents:read",
      query: LedgerQuery,
      answers: { 200: { description: "The ledger", schema: LedgerAnswer } },
      problems: ["not_found"],
      async handle({ scope, query: { batch, check } }) {
        const { organizationId } = scope;
        // Counts of a batch that is somebody else's would be zeros; it is not there at all.
        if (batch !== undefined) await store.reading.batch(scope, batch);
        const ledger = await store.supervision.ledger(organizationId, batch);
        if (!check) return { status: 200, body: { ledger } };
        return { status: 200, body: { ledger, findings: await store.supervision.checkLedger(organizationId) } };
      },
    }),
  ];
}
