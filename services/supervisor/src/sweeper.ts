import { errorFields, type Logger, type Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const most = 200;
/** Stored objects looked at in one step of the walk over all of them. */
const walk = 2_000;

/**
 * Removes what nobody will need: output of dead generations, cancelled work, objects that deletions owe and objects without a document,
 * old answers. Each chore is on its own: one that fails (Storage is out) does not keep the others from their turn.
 */
export function createSweeper(deps: { store: Store; metrics: Metrics; logger: Logger; orphanGraceMs: number }) {
  const { supervision } = deps.store;

  /** Answers how many are gone. */
  async function erase(paths: string[]): Promise<number> {
    if (paths.length === 0) return 0;
    try {
      await deps.store.erase(paths);
      return paths.length;
    } catch (error) {
      if (paths.length === 1) throw error;
      // One that can't be removed must not hold up the rest.
      const done = await Promise.allSettled(paths.map((path) => erase([path])));
      if (done.every((each) => each.status === "rejected")) throw error;
      return done.filter((each) => each.status === "fulfilled").length;
    }
  }

  /** What was removed, and whether there may be more. */
  const chores: Record<string, () => Promise<{ count: number; more: boolean }>> = {
    async parts() {
      const count = await supervision.sweepParts(most);
      return { count, more: count === most };
    },
    async cancelled() {
      const count = await supervision.cancelStep(most);
      return { count, more: count === most };
    },
    async objects() {
      const count = await erase(await supervision.objectsToErase(most));
      return { count, more: count === most };
    },
    async orphans() {
      const { paths } = await supervision.orphanedObjects(deps.orphanGraceMs, walk);
      return { count: await erase(paths), more: false };
    },
    async reservations() {
      const count = await deps.store.vectors.expire(most);
      return { count, more: count === most };
    },
    async answers() {
      await supervision.expireRequests();
      await deps.store.intake.expireUploads();
      await deps.store.sessions.expire(1_000);
      return { count: 0, more: false };
    },
  };

  return async (): Promise<boolean> => {
    let again = false;
    for (const [kind, chore] of Object.entries(chores)) {
      try {
        const { count, more } = await chore();
        if (count > 0) deps.metrics.swept.inc({ kind }, count);
        again ||= more;
      } catch (error) {
        deps.logger.warn("sweep.failed", { loop: `sweep/${kind}`, ...errorFields(error) });
      }
    }
    return again;
  };
}
