import { type ErrorCode, SluiceError } from "@sluice/contracts";
import type { Load, Store } from "@sluice/store";
import type { GatewayConfig } from "../config.js";

type Caps = GatewayConfig["caps"];

/** Organizations whose load is remembered; those that ask least often are asked for anew. */
const most = 10_000;
const retryMs = 15_000;

/** Refuses more documents while too many wait, or wait too long. Throws with the cap's name before anything of the body is read. */
export function createCaps(
  store: { operations: Pick<Store["operations"], "load"> },
  caps: Caps,
): (organizationId: string) => Promise<void> {
  const known = new Map<string, { until: number; load: Promise<{ organization: Load; all: Load }> }>();

  function loadOf(organizationId: string): Promise<{ organization: Load; all: Load }> {
    const now = performance.now();
    const last = known.get(organizationId);
    if (last !== undefined && last.until > now) return last.load;
    known.delete(organizationId);
    for (const [oldest] of known) {
      if (known.size < most) break;
      known.delete(oldest);
    }
    const load = store.operations.load(organizationId);
    known.set(organizationId, { until: now + caps.freshMs, load });
    // What failed is asked again by the next one.
    load.catch(() => known.delete(organizationId));
    return load;
  }

  return async (organizationId) => {
    const { organization, all } = await loadOf(organizationId);
    const refuse = (code: ErrorCode, cap: string): never => {
      // Not all at the same time again.
      throw new SluiceError(code, { cap, retryAfterMs: retryMs * (1 + Math.random()) });
    };
    if (all.waiting >= caps.backlog) refuse("backlog_full", "GATEWAY_CAP_BACKLOG");
    if (all.oldestSeconds >= caps.ageSeconds) refuse("backlog_old", "GATEWAY_CAP_AGE_SECONDS");
    if (organization.waiting >= caps.organizationBacklog)
      refuse("organization_backlog_full", "GATEWAY_CAP_ORGANIZATION_BACKLOG");
    if (organization.oldestSeconds >= caps.organizationAgeSeconds)
      refuse("organization_backlog_old", "GATEWAY_CAP_ORGANIZATION_AGE_SECONDS");
  };
}
