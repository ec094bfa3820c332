import type { GatewayContext } from "../context.js";

/** Organizations that are remembered; what is forgotten costs a query embedded twice. */
const most = 10_000;

/** Which of the configured models an organization's search reads, as far as search has said so: a flip is learnt from the first query after it. */
export function createActiveModels(models: GatewayContext["models"], first: GatewayContext["embeddings"]) {
  const learnt = new Map<string, GatewayContext["embeddings"]>();
  return {
    of: (organizationId: string) => learnt.get(organizationId) ?? first,
    /** undefined where the model is not configured. */
    learn(organizationId: string, modelId: string) {
      const found = models.find(({ model }) => model.id === modelId);
      if (found === undefined) return undefined;
      if (learnt.size >= most) learnt.clear();
      learnt.set(organizationId, found);
      return found;
    },
  };
}
