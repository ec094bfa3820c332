import { errorFields, type Logger, type Metrics } from "@sluice/runtime";
import { type ChainHead, type ChainKeys, chainStart, type Store } from "@sluice/store";
import type { Anchors } from "./anchors.js";

/** Entries sealed in one turn. */
const limit = 500;

/**
 * Seals audit entries into the chain, a bounded step at a time, and lets signed heads out.
 *
 * A step is one transaction: links are added and their entries stop waiting together, and only behind the end that this sealer saw. So a
 * death before it leaves entries waiting, a death after it leaves a head that the next turn lets out, and of two sealers one is refused.
 *
 * A sealer goes on only from a chain that leads through the last head it knows, its own or the anchors'. Otherwise somebody has cut or
 * changed the chain, and sealing on would cover it up: it stops, and says so until somebody decides.
 */
export function createSealer(deps: {
  audit: Pick<Store["audit"], "unsealed" | "seal">;
  keys: ChainKeys;
  anchors: Anchors;
  /** Least time between two anchors, in milliseconds. */
  anchorMs: number;
  metrics: Metrics;
  logger: Logger;
}) {
  const { audit, keys, anchors, metrics, logger } = deps;
  let known: ChainHead | undefined;
  let anchored = 0;
  let anchoredAt = Number.NEGATIVE_INFINITY;
  let putting: Promise<void> | undefined;

  async function begin(): Promise<ChainHead> {
    const anchor = await anchors.last(keys);
    anchored = anchor?.seq ?? 0;
    return anchor ?? chainStart;
  }

  /** A bucket that is out delays no seal: the head is let out at a later turn. */
  async function letOut(head: ChainHead): Promise<void> {
    if (head.seq <= anchored) return;
    anchoredAt = performance.now();
    try {
      await anchors.put(keys.anchor(head, new Date()));
      anchored = head.seq;
    } catch (error) {
      logger.warn("audit.anchor_failed", errorFields(error));
    }
  }

  return {
    async turn(): Promise<boolean> {
      known ??= await begin();
      const { head, knownMac, oldestSeconds, items } = await audit.unsealed(known.seq, limit);
      metrics.auditUnsealed.set(oldestSeconds);
      const isBroken = known.seq > 0 && knownMac !== known.mac;
      metrics.auditBroken.set(isBroken ? 1 : 0);
      if (isBroken) {
        logger.error("audit.broken", { count: known.seq });
        return false;
      }
      known = head;
      if (items.length > 0) {
        const seals: { id: number; mac: string }[] = [];
        let end = head;
        for (const { id, body } of items) {
          end = keys.link(end, body);
          seals.push({ id, mac: end.mac });
        }
        if ((await audit.seal(head, seals)).outcome === "moved") return true;
        known = end;
        metrics.auditSealed.inc(items.length);
      }
      if (putting === undefined && performance.now() - anchoredAt >= deps.anchorMs) {
        putting = letOut(known).finally(() => {
          putting = undefined;
        });
      }
      return items.length === limit;
    },
    /** Lets the last head out. */
    async destroy(): Promise<void> {
      await putting;
      if (known !== undefined) await letOut(known);
    },
  };
}
