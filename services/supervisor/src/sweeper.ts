import type { Metrics } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const most = 200;

/** Removes what nobody will need: output of dead generations, objects without a document, cancelled work, old answers. */
export function createSweeper(deps: { store: Store; metrics: Metrics; orphanGraceMs: number }) {
  const { supervision, intake, objects } = deps.store;
  return async (): Promise<boolean> => {
    const parts = await supervision.sweepParts(most);
    const cancelled = await supervision.cancelStep(most);
    const paths = await supervision.objectsToErase(deps.orphanGraceMs, most);
    if (paths.length > 0) {
      // Storage first: were the debt struck off first, a crash in between would keep the object for ever.
      await objects.remove(paths);
      await intake.erased(paths);
    }
    await supervision.expireRequests();
    for (const [kind, count] of Object.entries({ parts, cancelled, objects: paths.length })) {
      if (count > 0) deps.metrics.swept.inc({ kind }, count);
    }
    return parts === most || cancelled === most || paths.length >= most;
  };
}
