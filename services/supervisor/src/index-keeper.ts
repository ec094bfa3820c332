import type { Logger } from "@sluice/runtime";
import { buildVectorIndex, connectPostgres, type Store } from "@sluice/store";

/**
 * Builds the index of a model once it has so many vectors that comparing them all is slow. On a server beside what goes on, by a connection
 * of its own; on the embedded database, where nothing else runs meanwhile, as a pause that the turn before announces.
 */
export function createIndexKeeper(deps: {
  vectorIndexes: Store["vectorIndexes"];
  databaseUrl: string | undefined;
  /** Vectors of a model from which its index pays. */
  from: number;
  logger: Logger;
}) {
  const { vectorIndexes, databaseUrl, from, logger } = deps;
  const announced = new Set<string>();

  async function build(model: string, isEmbedded: boolean): Promise<void> {
    if (databaseUrl !== undefined) {
      const db = await connectPostgres(databaseUrl);
      await buildVectorIndex(db, model).finally(() => db.destroy());
    } else if (isEmbedded) await vectorIndexes.build(model);
  }

  return async (): Promise<undefined> => {
    for (const { model, vectors, index, canHave, isEmbedded } of await vectorIndexes.list()) {
      if (index !== null || !canHave || vectors < from) continue;
      if (announced.has(model)) {
        await build(model, isEmbedded);
        announced.delete(model);
        continue;
      }
      announced.add(model);
      const isPossible = databaseUrl !== undefined || isEmbedded;
      const code = isPossible ? (isEmbedded ? "index_pause_ahead" : "index_build_ahead") : "index_needs_database_url";
      logger.warn("index.wanted", { code });
    }
  };
}
